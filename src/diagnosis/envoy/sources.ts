/** Finds the Envoys that documents tell of: dumps, configurations, and manifests of workloads that have one. Pure. */
import { parseAllDocuments } from "yaml";
import { type EnvoyDump, readDumps } from "../../envoy/current/dump.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../../envoy/proto/index.ts";

/** An Envoy, and what it is called in the document. */
export interface FoundEnvoy {
  /** Empty: the document is nothing else. */
  readonly name: string;
  readonly dump: EnvoyDump;
}

/** The documents of a text in JSON or YAML. @throws Error where it is neither */
export function parseDocuments(text: string): readonly JsonValue[] {
  // dumps are large, and YAML is slow to read
  if (/^\s*[{[]/.test(text))
    try {
      return [JSON.parse(text) as JsonValue];
    } catch {
      // YAML may begin with a brace as well
    }
  return parseAllDocuments(text).map((document) => {
    const [error] = document.errors;
    if (error !== undefined) throw error;
    return document.toJS() as JsonValue;
  });
}

/** All Envoys in a document. */
export function envoysIn(document: JsonValue): readonly FoundEnvoy[] {
  return [
    ...readDumps(document).map(([name, dump]) => ({ name, dump })),
    ...manifestsIn(document).flatMap(envoysOfManifest),
  ];
}

/** Kubernetes objects, lists taken apart. */
function manifestsIn(document: JsonValue): readonly JsonObject[] {
  if (!isJsonObject(document)) return [];
  const { items } = document;
  return Array.isArray(items) ? (items as readonly JsonValue[]).filter(isJsonObject) : [document];
}

function envoysOfManifest(object: JsonObject): readonly FoundEnvoy[] {
  const metadata = asObject(object["metadata"]);
  const place = [metadata["namespace"], metadata["name"]].filter((part) => part !== undefined).join("/");
  const name = `${String(object["kind"])} ${place}`;
  const documents = configurationsOf(object).flatMap(documentsOrNone);
  return documents.flatMap((document) => readDumps(document).map(([, dump]) => ({ name, dump })));
}

function documentsOrNone(text: string): readonly JsonValue[] {
  try {
    return parseDocuments(text);
  } catch {
    return [];
  }
}

/** Texts that may be the configuration of an Envoy: flags of containers, and what a ConfigMap holds. */
function configurationsOf(object: JsonObject): readonly string[] {
  if (object["kind"] === "ConfigMap")
    return Object.values(asObject(object["data"])).filter(
      (value): value is string => typeof value === "string" && /static_?resources/i.test(value),
    );
  const spec = asObject(object["spec"]);
  const pod = asObject(asObject(spec["template"])["spec"] ?? spec);
  return ["initContainers", "containers"].flatMap((field) =>
    asList(pod[field]).flatMap((container) => {
      const words = ["command", "args"].flatMap((each) => asList(asObject(container)[each])).map(String);
      return words.flatMap((word, index) => {
        if (word === "--config-yaml") return words[index + 1] ?? [];
        return word.startsWith("--config-yaml=") ? word.slice("--config-yaml=".length) : [];
      });
    }),
  );
}

function asObject(value: JsonValue): JsonObject {
  return isJsonObject(value) ? value : {};
}

function asList(value: JsonValue): readonly JsonValue[] {
  return Array.isArray(value) ? (value as readonly JsonValue[]) : [];
}
