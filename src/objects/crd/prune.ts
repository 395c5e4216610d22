/** Pruning and defaulting of custom resources by their structural schema (apiextensions pkg/apiserver/schema). */
import { isObject, type JsonObject, type Schema, valueSchema } from "./schema.ts";

/** What every object has whatever its schema says. */
const META_FIELDS = new Set(["apiVersion", "kind", "metadata"]);

/**
 * Drops the fields that the schema does not know, in place.
 * @returns the paths of what was dropped, sorted: `spec.rules[0].bogus`
 */
export function prune(object: JsonObject, schema: Schema): string[] {
  const dropped: string[] = [];
  pruneObject(object, schema, "", META_FIELDS, dropped);
  return dropped.sort();
}

const NONE: ReadonlySet<string> = new Set();

function pruneValue(value: unknown, schema: Schema | undefined, path: string, dropped: string[]): void {
  if (Array.isArray(value)) {
    for (const [index, item] of value.entries())
      pruneValue(item, schema?.items, `${path}[${index}]`, dropped);
  } else if (isObject(value)) {
    const always = schema?.["x-kubernetes-embedded-resource"] === true ? META_FIELDS : NONE;
    pruneObject(value, schema ?? {}, path, always, dropped);
  }
}

function pruneObject(
  object: JsonObject,
  schema: Schema,
  path: string,
  always: ReadonlySet<string>,
  dropped: string[],
): void {
  const keepUnknown = schema["x-kubernetes-preserve-unknown-fields"] === true;
  for (const key of Object.keys(object)) {
    if (always.has(key)) continue;
    const child = path === "" ? key : `${path}.${key}`;
    const property = schema.properties?.[key];
    const values = valueSchema(schema);
    if (property !== undefined) pruneValue(object[key], property, child, dropped);
    else if (values !== undefined) pruneValue(object[key], values, child, dropped);
    else if (schema.additionalProperties !== true && !keepUnknown) {
      dropped.push(child);
      delete object[key];
    }
  }
}

/**
 * Drops the nulls of maps whose schema allows none and has no default, in place; those with a default get it by
 * `applyDefaults`, and those in lists stay, for validation to refuse (defaulting/prunenulls.go).
 */
export function pruneNulls(value: unknown, schema: Schema | undefined): void {
  if (Array.isArray(value)) {
    for (const item of value) pruneNulls(item, schema?.items);
  } else if (isObject(value)) {
    const values = schema && valueSchema(schema);
    for (const [key, child] of Object.entries(value)) {
      const property = schema?.properties?.[key] ?? values;
      const isWrong = child === null && property !== undefined && property.nullable !== true;
      if (isWrong && property.default === undefined) delete value[key];
      else pruneNulls(child, property);
    }
  }
}

/** Fills in the defaults of the schema, in place. A null where null is not allowed counts as absent. */
export function applyDefaults(value: unknown, schema: Schema | undefined): void {
  if (schema === undefined) return;
  if (Array.isArray(value)) {
    for (const item of value) applyDefaults(item, schema.items);
  } else if (isObject(value)) {
    defaultObject(value, schema);
  }
}

function defaultObject(object: JsonObject, schema: Schema): void {
  for (const [key, property] of Object.entries(schema.properties ?? {})) {
    if (property.default === undefined) continue;
    const isNull = object[key] === null && property.nullable !== true;
    if (object[key] === undefined || isNull) object[key] = structuredClone(property.default);
  }
  const values = valueSchema(schema);
  for (const key of Object.keys(object)) applyDefaults(object[key], schema.properties?.[key] ?? values);
}
