import type { Document, Node as YamlNode } from "yaml";
import { badInputFor } from "../../errors/bad-input.ts";
import type { UserError } from "../../errors/user-error.ts";
import type { AnyObject } from "../../objects/types.ts";
import { yaml } from "../../objects/yaml.ts";
import { lineFinder, type LineOf } from "./lines.ts";
import type { LocatedObject, ManifestObject } from "./source.ts";

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
  const strict: Reading = {
    named: true,
    broken: (error) => {
      throw error;
    },
    other: (error) => {
      throw error;
    },
  };
  return readDocuments(file, content, strict).map(({ lineAt: _, ...manifest }) => manifest);
}

/** What becomes of the parts of a file that are no Kubernetes objects. */
export interface Leniency {
  /** What is not YAML. */
  broken(error: UserError): void;
  /** What is no Kubernetes object, such as the values of a chart. */
  other(error: UserError): void;
}

interface Reading extends Leniency {
  /** Whether each object must have a name; configurations of components have none. */
  readonly named: boolean;
}

/** Above this, JSON is read without the lines of its fields: reading YAML takes a second a megabyte. */
const LARGE_JSON = 500_000;

/** Takes apart what may hold other things than objects, objects without a name, and JSON line by line. */
export function parseLeniently(file: string, content: string, leniency: Leniency): LocatedObject[] {
  const reading = { ...leniency, named: false };
  if (!/^\s*\{/.test(content)) return readDocuments(file, content, reading);
  const parsed = content.length > LARGE_JSON ? jsonOrNone(content) : undefined;
  if (parsed !== undefined) return flattenJson(parsed, file, undefined, reading);
  const lines = content.split("\n").map((line, index) => ({ line: index + 1, value: jsonOrNone(line) }));
  const isLines = lines.filter(({ value }) => typeof value === "object").length > 1;
  if (!isLines) return readDocuments(file, content, reading);
  return lines.flatMap(({ line, value }) =>
    value === undefined ? [] : flattenJson(value, file, line, reading),
  );
}

function jsonOrNone(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** An item of a typed list may leave out what its list says: a PodList holds Pods. */
function itemOf(list: { kind?: unknown; apiVersion?: unknown }, item: unknown): unknown {
  const kind = typeof list.kind === "string" ? list.kind.replace(/List$/, "") : "";
  const silent = typeof item === "object" && item !== null && !("kind" in item) && kind !== "";
  return silent ? { apiVersion: list.apiVersion, kind, ...item } : item;
}

/** `at`: the line of the value, undefined where lines are not known. */
function flattenJson(
  value: unknown,
  file: string,
  at: number | undefined,
  reading: Reading,
): LocatedObject[] {
  const object = value as AnyObject & { items?: unknown };
  if (String(object.kind).endsWith("List") && Array.isArray(object.items))
    return object.items.flatMap((item: unknown) => flattenJson(itemOf(object, item), file, at, reading));
  const line = at ?? 1;
  const wrong = problemOf(object, `${file}:${line}`, reading.named);
  if (wrong === undefined) return [{ object, file, line, document: line, lineAt: () => at }];
  reading.other(wrong);
  return [];
}

function readDocuments(file: string, content: string, reading: Reading): LocatedObject[] {
  if (content.includes("\0")) {
    reading.broken(bad(file, "it is binary, not a text", "give YAML or JSON"));
    return [];
  }
  const { isNode, LineCounter, parseAllDocuments } = yaml();
  const lineCounter = new LineCounter();
  const documents = parseAllDocuments(content, {
    version: "1.1",
    lineCounter,
    logLevel: "error",
    customTags: (tags) =>
      tags.filter(
        (tag) => typeof tag === "string" || !(TEXT_TO_KUBECTL.has(tag.tag) || tag.format === "TIME"),
      ),
  });
  if (!Array.isArray(documents)) return [];
  const lineOf: LineOf = (node) => lineCounter.linePos(node?.range?.[0] ?? 0).line;
  return documents.flatMap((document, index) => {
    const place = { file, document: index + 1 };
    const error = errorOf(document, file, lineOf);
    if (error !== undefined) {
      reading.broken(error);
      return [];
    }
    if (!isNode(document.contents) || document.toJS() === null) return [];
    return flatten(document.contents, document, { ...place, lineOf, reading });
  });
}

function errorOf(document: Document.Parsed, file: string, lineOf: LineOf): UserError | undefined {
  const [error] = document.errors;
  if (error !== undefined) {
    const line = error.linePos?.[0].line ?? lineOf(document.contents);
    const template = /\{\{.*\}\}/.test(error.message);
    const next = template
      ? "it looks like a template of Helm's: give what `helm template` writes"
      : "mend the file";
    return bad(`${file}:${line}`, `it is not YAML: ${error.message.trimEnd()}`, next, error);
  }
  try {
    document.toJS();
    return undefined;
  } catch (cause) {
    // aliases that grow without bounds, or name no anchor
    return bad(`${file}:${lineOf(document.contents)}`, (cause as Error).message, "mend the aliases", cause);
  }
}

interface Around {
  readonly file: string;
  readonly document: number;
  readonly lineOf: LineOf;
  readonly reading: Reading;
  /** What the list says that the object is an item of. */
  readonly list?: { readonly kind: unknown; readonly apiVersion: unknown };
}

function flatten(node: YamlNode, document: Document.Parsed, around: Around): LocatedObject[] {
  const { file, lineOf, reading } = around;
  const { isMap, isSeq } = yaml();
  const line = lineOf(node);
  const where = `${file}:${line}`;
  if (!isMap(node)) {
    reading.other(bad(where, "a Kubernetes object is a mapping, and this is not one", "mend the file"));
    return [];
  }
  const items = node.get("items", true);
  if (String(node.get("kind") ?? "").endsWith("List") && isSeq(items)) {
    const list = { kind: node.get("kind"), apiVersion: node.get("apiVersion") };
    return items.items.flatMap((item) => flatten(item as YamlNode, document, { ...around, list }));
  }
  const object = itemOf(around.list ?? {}, node.toJS(document)) as AnyObject;
  const wrong = problemOf(object, where, reading.named);
  if (wrong === undefined)
    return [{ object, line, file, document: around.document, lineAt: lineFinder(node, lineOf) }];
  reading.other(wrong);
  return [];
}

function problemOf(object: AnyObject | undefined, where: string, named: boolean): UserError | undefined {
  for (const field of ["apiVersion", "kind"] as const) {
    if (typeof object?.[field] === "string" && object[field] !== "") continue;
    return bad(where, `the object has no ${field}`, `set ${field}, for example "${EXAMPLES[field]}"`);
  }
  const name: unknown = object?.metadata?.name;
  if (!named || (typeof name === "string" && name !== "")) return undefined;
  const why = `the ${object?.kind} has no metadata.name${name === undefined ? "" : " that is a string"}`;
  return bad(where, why, "give the object a name (generateName cannot be applied twice)");
}

const EXAMPLES = { apiVersion: "v1", kind: "Service" };
