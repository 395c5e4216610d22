import { isObject, type JsonObject } from "../patch/json-value.ts";
import type { AnyObject } from "../types.ts";
import { compare } from "./compare.ts";
import { difference, type FieldSet } from "./field-set.ts";
import { compareText } from "./go-text.ts";
import { ItemError } from "./list-items.ts";
import type { ManagedKind } from "./managed-kind.ts";
import { toFieldSet } from "./to-field-set.ts";
import { validate } from "./validate.ts";

/** Where `kubectl apply` keeps what it applied. */
const ANNOTATION = "kubectl.kubernetes.io/last-applied-configuration";

/** All annotations together (apimachinery validation, TotalAnnotationSizeLimitB). */
const MAX_ANNOTATIONS = 256 * 1024;

function lastAppliedOf(object: object): string {
  const { metadata } = object as Partial<AnyObject>;
  return metadata?.annotations?.[ANNOTATION] ?? "";
}

/**
 * The fields that `kubectl apply` applied and that still have those values: `kubectl apply --server-side`
 * may take them over (apimachinery lastappliedmanager.go). Undefined when the object has no such record, or
 * one that cannot be read.
 */
export function allowedByLastApplied(kind: ManagedKind, live: object): FieldSet | undefined {
  const applied = parseObject(lastAppliedOf(live));
  if (applied === undefined || applied["apiVersion"] !== kind.apiVersion || applied["kind"] !== kind.kind) {
    return undefined;
  }
  if (validate(applied, kind.type).length > 0 || validate(live, kind.type).length > 0) return undefined;
  try {
    const { modified, added, removed } = compare(applied, live, kind.type);
    const set = toFieldSet(applied, kind.type);
    return difference(difference(difference(set, modified), added), removed);
  } catch (error) {
    if (error instanceof ItemError) return undefined;
    throw error;
  }
}

function parseObject(text: string): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/**
 * The object with its record of `kubectl apply`, if it has one, brought up to date (lastappliedupdater.go).
 */
export function withLastApplied(object: AnyObject, configuration: object): AnyObject {
  if (lastAppliedOf(object) === "") return object;
  const annotations = { ...object.metadata.annotations, [ANNOTATION]: recordOf(configuration) };
  if (sizeOf(annotations) > MAX_ANNOTATIONS) delete (annotations as Record<string, string>)[ANNOTATION];
  return { ...object, metadata: { ...object.metadata, annotations } };
}

function sizeOf(annotations: Record<string, string>): number {
  let size = 0;
  for (const [key, value] of Object.entries(annotations))
    size += Buffer.byteLength(key) + Buffer.byteLength(value);
  return size;
}

/** The configuration without its own record, as Go writes JSON: keys in order, HTML escaped, one line. */
function recordOf(configuration: object): string {
  const { metadata } = configuration as Partial<AnyObject>;
  const own = metadata?.annotations ?? {};
  const { [ANNOTATION]: _, ...annotations } = own;
  const bare = Object.hasOwn(own, ANNOTATION)
    ? { ...configuration, metadata: { ...metadata, annotations } }
    : configuration;
  const text = JSON.stringify(bare, (_key, value: unknown) => (isObject(value) ? sortedKeys(value) : value));
  return `${text.replace(/[<>&\u2028\u2029]/g, escapeUnit)}\n`;
}

function sortedKeys(value: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => compareText(a, b)));
}

function escapeUnit(char: string): string {
  return `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`;
}
