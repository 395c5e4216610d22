/** JSON values as CEL sees them through a schema: integers are ints, declared formats become their own types. */
import type { CelInput } from "@bufbuild/cel";
import { isObject, type JsonObject, type Schema, valueSchema } from "./schema.ts";

const RESERVED = new Set(
  "true false null in as break const continue else for function if import let loop package namespace return var void while".split(
    " ",
  ),
);

/**
 * The name of a property inside CEL: what is no identifier there is escaped (k8s.io/apiserver pkg/cel/escaping.go).
 * Undefined where the property cannot be named at all.
 */
function celName(property: string): string | undefined {
  if (RESERVED.has(property)) return `__${property}__`;
  if (!/^[a-zA-Z_.\-/][a-zA-Z0-9_.\-/]*$/.test(property)) return undefined;
  return property
    .replaceAll("__", "__underscores__")
    .replaceAll(".", "__dot__")
    .replaceAll("-", "__dash__")
    .replaceAll("/", "__slash__");
}

/** What rules may read of a root object's own fields. */
const ROOT_META = ["apiVersion", "kind"];

/** Converts a value; the root keeps apiVersion, kind, and of the metadata its name and generateName. */
export function toCel(value: unknown, schema: Schema | undefined, isRoot = false): CelInput {
  if (Array.isArray(value)) return value.map((item) => toCel(item, schema?.items));
  if (isObject(value)) return isRoot ? rootToCel(value, schema ?? {}) : objectToCel(value, schema);
  if (typeof value === "number") return schema?.type === "number" ? value : numberToCel(value);
  return (value ?? null) as CelInput;
}

function numberToCel(value: number): CelInput {
  return Number.isInteger(value) ? BigInt(value) : value;
}

function objectToCel(object: JsonObject, schema: Schema | undefined): CelInput {
  const entries = new Map<string, CelInput>();
  const values = schema === undefined ? undefined : valueSchema(schema);
  const isMap = schema === undefined || schema.properties === undefined;
  for (const [key, value] of Object.entries(object)) {
    const name = isMap ? key : celName(key);
    if (name !== undefined) entries.set(name, toCel(value, schema?.properties?.[key] ?? values));
  }
  return entries;
}

function rootToCel(object: JsonObject, schema: Schema): CelInput {
  const { metadata, ...rest } = object;
  const known = Object.fromEntries(
    Object.entries(rest).filter(([key]) => ROOT_META.includes(key) || schema.properties?.[key] !== undefined),
  );
  const entries = objectToCel(known, { ...schema, properties: { ...schema.properties } }) as Map<
    string,
    CelInput
  >;
  const { name, generateName } = isObject(metadata) ? metadata : {};
  const meta = Object.entries({ name, generateName }).filter(([, value]) => value !== undefined);
  entries.set("metadata", new Map(meta as [string, CelInput][]));
  return entries;
}
