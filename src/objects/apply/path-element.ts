import { isObject, type JsonObject } from "../patch/json-value.ts";
import { compareText, goFloat, goQuote } from "./go-text.ts";

/**
 * One step of a field path, in the form that managedFields carry: `f:name` a field, `k:{"port":80}` the list
 * item with these keys, `v:"x"` the item of a set, `i:0` an index. Equal steps have equal texts
 * (structured-merge-diff fieldpath/serialize-pe.go).
 */
export type PathElement = string;

/** A stored field set that cannot be read. */
export class FieldsError extends Error {}

/** The step to a field. */
export function fieldElement(name: string): PathElement {
  return `f:${name}`;
}

/** The step to the list item with these key fields, which stand in the order of their names. */
export function keyElement(keys: readonly (readonly [string, unknown])[]): PathElement {
  const parts = keys.map(([name, value]) => `${elementJson(name)}:${elementJson(value)}`);
  return `k:{${parts.join(",")}}`;
}

/** The step to an item of a set. */
export function valueElement(value: unknown): PathElement {
  return `v:${elementJson(value)}`;
}

const HTML = /[<>&\u2028\u2029]/g;

/** JSON as the real server writes it inside of a step: with the characters of HTML escaped. */
function elementJson(value: unknown): string {
  const text = JSON.stringify(value);
  return HTML.test(text) ? text.replace(HTML, escapeUnit) : text;
}

function escapeUnit(char: string): string {
  return `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`;
}

/**
 * The canonical text of a step that somebody else wrote; undefined for kinds of steps that nobody knows yet.
 * @throws FieldsError
 */
export function canonicalElement(text: string): PathElement | undefined {
  if (text.length < 2) throw new FieldsError("key must be 2 characters long:");
  if (text[1] !== ":") throw new FieldsError(`missing colon: ${text}`);
  const content = text.slice(2);
  switch (text[0]) {
    case "f":
      return text;
    case "v":
      return valueElement(parseContent(content));
    case "k": {
      const keys = parseContent(content);
      if (!isObject(keys)) throw new FieldsError(`no key fields: ${text}`);
      return keyElement(Object.entries(keys).sort(([a], [b]) => compareText(a, b)));
    }
    case "i":
      if (!/^[+-]?\d+$/.test(content)) throw new FieldsError(`no index: ${text}`);
      return `i:${Number(content)}`;
    default:
      return undefined;
  }
}

function parseContent(content: string): unknown {
  try {
    return JSON.parse(content);
  } catch {
    throw new FieldsError(`no JSON value: ${content}`);
  }
}

const RANK: Readonly<Record<string, number>> = { ".": 0, f: 1, k: 2, v: 3, i: 4 };

/** The order of steps in a field set: fields, keyed items, items of sets, indexes; each by their content. */
export function compareElements(a: PathElement, b: PathElement): number {
  if (a === b) return 0;
  const kind = a.charCodeAt(0);
  if (kind !== b.charCodeAt(0)) return (RANK[a[0] ?? ""] ?? 5) - (RANK[b[0] ?? ""] ?? 5);
  if (kind === 0x66) return compareText(a, b);
  const left = JSON.parse(a.slice(2)) as unknown;
  const right = JSON.parse(b.slice(2)) as unknown;
  if (kind !== 0x6b) return compareValues(left, right);
  return compareKeys(Object.entries(left as JsonObject), Object.entries(right as JsonObject));
}

type Entries = readonly (readonly [string, unknown])[];

function compareKeys(a: Entries, b: Entries): number {
  for (let i = 0; i < Math.min(a.length, b.length); i++) {
    const [nameA, valueA] = a[i] ?? ["", null];
    const [nameB, valueB] = b[i] ?? ["", null];
    const order = compareText(nameA, nameB) || compareValues(valueA, valueB);
    if (order !== 0) return order;
  }
  return a.length - b.length;
}

/**
 * The order of values of any type (structured-merge-diff value/value.go): numbers, texts, booleans, lists,
 * maps.
 */
function compareValues(a: unknown, b: unknown): number {
  const rank = valueRank(a) - valueRank(b);
  if (rank !== 0) return rank;
  if (typeof a === "string") return compareText(a, b as string);
  if (Array.isArray(a)) return compareLists(a, b as unknown[]);
  if (isObject(a)) return compareKeys(sortedEntries(a), sortedEntries(b as JsonObject));
  return Number(a) - Number(b);
}

function valueRank(value: unknown): number {
  if (typeof value === "number") return 0;
  if (typeof value === "string") return 1;
  if (typeof value === "boolean") return 2;
  if (Array.isArray(value)) return 3;
  return value === null ? 5 : 4;
}

function compareLists(a: readonly unknown[], b: readonly unknown[]): number {
  for (let i = 0; i < Math.min(a.length, b.length); i++) {
    const order = compareValues(a[i], b[i]);
    if (order !== 0) return order;
  }
  return a.length - b.length;
}

function sortedEntries(value: JsonObject): [string, unknown][] {
  return Object.entries(value).sort(([a], [b]) => compareText(a, b));
}

/** A step as messages print it: `.name`, `[name="c",port=80]`, `[="x"]`, `[0]`. */
export function elementText(element: PathElement): string {
  const content = element.slice(2);
  switch (element[0]) {
    case "f":
      return `.${content}`;
    case "k": {
      const keys = Object.entries(JSON.parse(content) as JsonObject);
      return `[${keys.map(([name, value]) => `${name}=${valueText(value)}`).join(",")}]`;
    }
    case "v":
      return `[=${valueText(JSON.parse(content))}]`;
    default:
      return `[${content}]`;
  }
}

/** A path as messages print it: `.spec.ports[port=80,protocol="TCP"].name`. */
export function pathText(path: readonly PathElement[]): string {
  return path.map(elementText).join("");
}

function valueText(value: unknown): string {
  if (value === null) return "null";
  if (typeof value === "string") return goQuote(value);
  if (typeof value === "number") return goFloat(value);
  if (Array.isArray(value)) return `[${value.map(valueText).join(",")}]`;
  if (!isObject(value)) return String(value);
  return Object.entries(value)
    .map(([name, item]) => `${name}=${valueText(item)}`)
    .join("");
}
