import type { Kind } from "../kinds.ts";
import { documentOfKind, type OpenApiSchema, type SchemaDocument, schemaNameOf } from "./documents.ts";
import { keepsZero, nameOfStringType, shortTypeName, timeIsWritten, writtenWhenUnset } from "./wire-facts.ts";

/** A type of the wire form, compiled from its OpenAPI schema. */
export type WireType =
  | StructType
  | { readonly tag: "list"; readonly items: WireType; readonly name: string }
  | { readonly tag: "map"; readonly values: WireType; readonly name: string }
  | { readonly tag: "string"; readonly name: string }
  | { readonly tag: "integer"; readonly name: string; readonly min: number; readonly max: number }
  | { readonly tag: "boolean" | "number"; readonly name: string }
  | {
      readonly tag: "bytes" | "time" | "microTime" | "intOrString" | "quantity" | "any";
      readonly name: string;
    };

/** An object with known fields. */
export interface StructType {
  readonly tag: "struct";
  /** `ServicePort`: how decoding errors name it. */
  readonly struct: string;
  /** `v1.ServicePort`. */
  readonly name: string;
  /** In order of their names, which is the order that decoded objects have. */
  readonly fields: readonly Field[];
  readonly byName: ReadonlyMap<string, Field>;
}

/** How two versions of a list are merged (x-kubernetes-patch-*, x-kubernetes-list-*). */
export interface ListRules {
  readonly patchStrategy: string;
  readonly patchMergeKey: string;
  readonly listType: "atomic" | "set" | "map";
  readonly mapKeys: readonly string[];
}

/** One field of a wire type. */
export interface Field {
  readonly name: string;
  readonly type: WireType;
  /** An empty value is kept, because unset and empty differ. */
  readonly keepsEmpty: boolean;
  /** What is written when the field is unset; undefined when nothing is. */
  readonly whenUnset: (() => unknown) | undefined;
  readonly list?: ListRules;
  readonly mapType?: string;
  /** A strategic merge patch has the whole of an object (x-kubernetes-patch-strategy: replace). */
  readonly isReplaced?: boolean;
}

const typesOfDocument = new WeakMap<SchemaDocument, Map<string, WireType>>();

const typesOfKinds = new WeakMap<object, StructType>();

/**
 * The wire type of a kind's objects, compiled once per kind.
 * @throws Error when no document describes the kind
 */
export function typeOfKind(kind: Pick<Kind, "group" | "version" | "kind">): StructType {
  let type = typesOfKinds.get(kind);
  if (type === undefined) {
    type = compileKind(kind);
    typesOfKinds.set(kind, type);
  }
  return type;
}

function compileKind(kind: Pick<Kind, "group" | "version" | "kind">): StructType {
  const document = documentOfKind(kind);
  const type = namedType(document, schemaNameOf(document, kind));
  if (type.tag !== "struct") throw new Error(`${kind.kind} is no object`);
  return type;
}

const SPECIAL: Readonly<Record<string, WireType>> = {
  "meta.Time": { tag: "time", name: "v1.Time" },
  "meta.MicroTime": { tag: "microTime", name: "v1.MicroTime" },
  "util.IntOrString": { tag: "intOrString", name: "intstr.IntOrString" },
  "api.Quantity": { tag: "quantity", name: "resource.Quantity" },
};

function specialType(schemaName: string): WireType | undefined {
  if (schemaName.endsWith(".intstr.IntOrString")) return SPECIAL["util.IntOrString"];
  if (schemaName.endsWith(".resource.Quantity")) return SPECIAL["api.Quantity"];
  return SPECIAL[shortTypeName(schemaName)];
}

function namedType(document: SchemaDocument, name: string): WireType {
  let types = typesOfDocument.get(document);
  if (types === undefined) {
    types = new Map();
    typesOfDocument.set(document, types);
  }
  const known = types.get(name);
  if (known !== undefined) return known;
  const schema = document.schemas[name];
  if (schema === undefined) throw new Error(`schema ${name} is missing from its OpenAPI document`);
  const special = specialType(name);
  if (special !== undefined || schema.properties === undefined) {
    const type = special ?? typeOf(document, schema, "", "");
    types.set(name, type);
    return type;
  }
  return structType(document, name, schema, types);
}

/** Registers the struct before it compiles its fields, because types may contain themselves. */
function structType(
  document: SchemaDocument,
  name: string,
  schema: OpenApiSchema,
  types: Map<string, WireType>,
): StructType {
  const fields: Field[] = [];
  const byName = new Map<string, Field>();
  const short = shortTypeName(name);
  const struct = name.split(".").at(-1) ?? name;
  const type: StructType = { tag: "struct", struct, name: `v1.${struct}`, fields, byName };
  types.set(name, type);
  const required = new Set(schema.required);
  for (const [key, property] of Object.entries(schema.properties ?? {}).sort(byKey)) {
    const field = compileField(document, short, key, property, required.has(key));
    fields.push(field);
    byName.set(key, field);
  }
  return type;
}

function byKey(a: readonly [string, unknown], b: readonly [string, unknown]): number {
  return a[0] < b[0] ? -1 : 1;
}

function compileField(
  document: SchemaDocument,
  owner: string,
  name: string,
  property: OpenApiSchema,
  required: boolean,
): Field {
  const type = typeOf(document, property, owner, name);
  const isReference = type.tag === "struct" || isSpecial(type);
  const keepsEmpty = isReference || keepsZero(owner, name);
  const base = { name, type, keepsEmpty, whenUnset: unsetValue(type, owner, name, property, required) };
  if (type.tag === "map" || type.tag === "struct") {
    const mapType = property["x-kubernetes-map-type"];
    const isReplaced = property["x-kubernetes-patch-strategy"] === "replace";
    return { ...base, ...(mapType === undefined ? {} : { mapType }), ...(isReplaced ? { isReplaced } : {}) };
  }
  return type.tag === "list" ? { ...base, list: listRules(property) } : base;
}

function isSpecial(type: WireType): boolean {
  return ["time", "microTime", "intOrString", "quantity", "any"].includes(type.tag);
}

function unsetValue(
  type: WireType,
  owner: string,
  name: string,
  property: OpenApiSchema,
  required: boolean,
): (() => unknown) | undefined {
  if (type.tag === "struct") {
    return property.default === undefined ? undefined : () => emptyStruct(type);
  }
  if (type.tag === "time" || type.tag === "microTime") {
    return timeIsWritten(owner, name) ? () => null : undefined;
  }
  if (type.tag === "quantity") return name === "divisor" ? () => "0" : undefined;
  if (type.tag === "intOrString") return required || name === "targetPort" ? () => 0 : undefined;
  if (!writtenWhenUnset(owner, name, required)) return undefined;
  const zero = zeroOf(type);
  return () => zero;
}

/** The zero value of a type that is written although unset: null for lists and maps. */
function zeroOf(type: WireType): unknown {
  switch (type.tag) {
    case "string":
      return "";
    case "integer":
    case "number":
    case "intOrString":
      return 0;
    case "boolean":
      return false;
    case "quantity":
      return "0";
    case "struct":
      return emptyStruct(type);
    default:
      return null;
  }
}

/** An object of the type with nothing set in it. */
export function emptyStruct(type: StructType): Record<string, unknown> {
  const result: Record<string, unknown> = {};
  for (const field of type.fields) {
    if (field.whenUnset !== undefined) result[field.name] = field.whenUnset();
  }
  return result;
}

function listRules(property: OpenApiSchema): ListRules {
  const listType = property["x-kubernetes-list-type"];
  return {
    patchStrategy: property["x-kubernetes-patch-strategy"] ?? "",
    patchMergeKey: property["x-kubernetes-patch-merge-key"] ?? "",
    listType: listType === "map" || listType === "set" ? listType : "atomic",
    mapKeys: property["x-kubernetes-list-map-keys"] ?? [],
  };
}

/** Compiles the schema of a field (or of a list's items, a map's values) of the type `owner`. */
function typeOf(document: SchemaDocument, schema: OpenApiSchema, owner: string, field: string): WireType {
  const reference = schema.$ref ?? schema.allOf?.[0]?.$ref;
  if (reference !== undefined) return namedType(document, reference.slice("#/components/schemas/".length));
  switch (schema.type) {
    case "array": {
      const items = typeOf(document, schema.items ?? {}, owner, field);
      return { tag: "list", items, name: `[]${items.name}` };
    }
    case "object":
      return mapType(document, schema, owner, field);
    case "string":
      return schema.format === "byte"
        ? { tag: "bytes", name: "[]uint8" }
        : { tag: "string", name: nameOfStringType(owner, field) };
    case "integer":
      return integerType(schema.format);
    case "boolean":
      return { tag: "boolean", name: "bool" };
    case "number":
      return { tag: "number", name: "float64" };
    default:
      return { tag: "any", name: "interface {}" };
  }
}

function mapType(document: SchemaDocument, schema: OpenApiSchema, owner: string, field: string): WireType {
  const inner = schema.additionalProperties;
  if (typeof inner !== "object") return { tag: "any", name: "interface {}" };
  const values = typeOf(document, inner, owner, field);
  const name = values.tag === "quantity" ? "v1.ResourceList" : `map[string]${values.name}`;
  return { tag: "map", values, name };
}

function integerType(format: string | undefined): WireType {
  if (format === "int32") return { tag: "integer", name: "int32", min: -2147483648, max: 2147483647 };
  return { tag: "integer", name: "int64", min: -(2 ** 63), max: 2 ** 63 };
}
