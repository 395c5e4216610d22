/** Finds the Envoys that documents tell of: dumps, configurations, and manifests of workloads that have one. Pure. */
import { parseAllDocuments } from "yaml";
import { type DumpedResource, type EnvoyDump, readDumps } from "../../envoy/current/dump.ts";
import { ADMIN } from "./index.ts";
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
  return [...proxiesIn(document), ...manifestsIn(document).flatMap(envoysOfManifest)];
}

/** Proxies with their admin interfaces, which are no listeners to Envoy, and are bound like them. */
function proxiesIn(document: JsonValue): readonly FoundEnvoy[] {
  const found = readDumps(document).map(([name, dump]) => {
    const steps = name === "" ? [] : name.split("/");
    const own = steps.reduce<JsonValue>((value, step) => asObject(value)[step], document);
    return { name, dump: { ...dump, listeners: [...dump.listeners, ...adminOf(own)] } };
  });
  if (found.length > 0) return found;
  const listeners = adminOf(document);
  return listeners.length === 0 ? [] : [{ name: "", dump: { ...NOTHING, listeners } }];
}

const NOTHING: EnvoyDump = { listeners: [], clusters: [], endpoints: [], routes: [], secrets: [] };

/** envoy.config.bootstrap.v3.Admin of a configuration, or of the bootstrap in a dump. */
function adminOf(value: JsonValue): readonly DumpedResource[] {
  const { admin, configs } = asObject(value);
  const all = [admin, ...asList(configs).map((dump) => asObject(asObject(dump)["bootstrap"])["admin"])];
  return all.flatMap((each) => {
    const address = asObject(asObject(each)["address"]);
    const socket = asObject(address["socket_address"] ?? address["socketAddress"]);
    if (socket["address"] === undefined) return [];
    const port_value = socket["port_value"] ?? socket["portValue"] ?? 0;
    const ipv4_compat = socket["ipv4_compat"] ?? socket["ipv4Compat"] ?? false;
    const resource = { address: { socket_address: { address: socket["address"], port_value, ipv4_compat } } };
    return { name: ADMIN, state: "static" as const, resource };
  });
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
  return documents.flatMap((document) => proxiesIn(document).map(({ dump }) => ({ name, dump })));
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
      (value): value is string =>
        typeof value === "string" && /static_?resources|^\s*"?admin"?\s*:/im.test(value),
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
