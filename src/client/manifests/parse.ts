import { type Document, isMap, isSeq, LineCounter, type Node as YamlNode, parseAllDocuments } from "yaml";
import type { AnyObject } from "../../objects/types.ts";
import type { ManifestObject } from "./source.ts";
import { badInputFor } from "../../errors/bad-input.ts";

const bad = badInputFor("cannot read the manifest");

/**
 * Tags of YAML 1.1 that kubectl's parser (sigs.k8s.io/yaml, from go-yaml v2) does not apply to plain text:
 * `22:22` and `2001-12-14` stay strings there.
 */
const TEXT_TO_KUBECTL = new Set(["tag:yaml.org,2002:timestamp"]);

/**
 * Takes a manifest apart: its documents in YAML 1.1 as kubectl reads them, empty ones left out, lists (`kind:
 * List`, `ServiceList`) replaced by their items.
 * @throws UserError naming file and line, for what is not YAML or no Kubernetes object
 */
export function parseManifest(file: string, content: string): ManifestObject[] {
  const lineCounter = new LineCounter();
  const documents = parseAllDocuments(content, {
    version: "1.1",
    lineCounter,
    customTags: (tags) =>
      tags.filter(
        (tag) => typeof tag === "string" || !(TEXT_TO_KUBECTL.has(tag.tag) || tag.format === "TIME"),
      ),
  });
  if (!Array.isArray(documents)) return [];
  const lineOf = (node: YamlNode | null): number => lineCounter.linePos(node?.range?.[0] ?? 0).line;
  return documents.flatMap((document, index) => readDocument(document, file, index + 1, lineOf));
}

type LineOf = (node: YamlNode | null) => number;

function readDocument(
  document: Document.Parsed,
  file: string,
  number: number,
  lineOf: LineOf,
): ManifestObject[] {
  const error = document.errors[0];
  if (error !== undefined) {
    const line = error.linePos?.[0].line ?? lineOf(document.contents);
    throw bad(`${file}:${line}`, `it is not YAML: ${error.message.trimEnd()}`, "mend the file", error);
  }
  if (document.contents === null || document.toJS() === null) return [];
  return flatten(document.contents, document, { file, document: number }, lineOf);
}

function flatten(
  node: YamlNode,
  document: Document.Parsed,
  place: { file: string; document: number },
  lineOf: LineOf,
): ManifestObject[] {
  const line = lineOf(node);
  const where = `${place.file}:${line}`;
  if (!isMap(node))
    throw bad(where, "a Kubernetes object is a mapping, and this is not one", "mend the file");
  const items = node.get("items", true);
  if (String(node.get("kind") ?? "").endsWith("List") && isSeq(items)) {
    return items.items.flatMap((item) => flatten(item as YamlNode, document, place, lineOf));
  }
  const object = node.toJS(document) as AnyObject;
  checkObject(object, where);
  return [{ object, line, ...place }];
}

function checkObject(object: AnyObject, where: string): void {
  for (const field of ["apiVersion", "kind"] as const) {
    if (typeof object[field] === "string" && object[field] !== "") continue;
    throw bad(where, `the object has no ${field}`, `set ${field}, for example "${EXAMPLES[field]}"`);
  }
  const name: unknown = object.metadata?.name;
  if (typeof name === "string" && name !== "") return;
  const why = `the ${object.kind} has no metadata.name${name === undefined ? "" : " that is a string"}`;
  throw bad(where, why, "give the object a name (generateName cannot be applied twice)");
}

const EXAMPLES = { apiVersion: "v1", kind: "Service" };
