import type { Kind } from "../kinds.ts";
import { decodeStruct, type DecodedStruct, type DecodeOptions } from "../schema/decode.ts";
import { explain } from "../schema/explain.ts";
import { type StructType, typeOfKind, type WireType } from "../schema/types.ts";
import type { CustomVersion } from "./custom-kind.ts";
import { admitCustomResource } from "./custom-resource.ts";
import { isObject, type JsonObject } from "./schema.ts";

const ANY: WireType = { tag: "any", name: "interface {}" };

let headType: StructType | undefined;

/** The part of an object that is no custom resource's own: ObjectMeta, as of every kind. */
function headOf(): StructType {
  if (headType === undefined) {
    const common = typeOfKind({ group: "", version: "v1", kind: "ConfigMap" });
    const fields = common.fields.filter(({ name }) => name === "metadata");
    const byName = new Map(fields.map((field) => [field.name, field]));
    headType = { tag: "struct", struct: "", name: "", fields, byName };
  }
  return headType;
}

/**
 * Brings a custom resource to the form in which it is stored: unknown fields dropped, defaults filled in, metadata as
 * of every kind (apiextensions customresource_handler.go, schemaCoercingDecoder).
 * @throws DecodeError when the metadata does not have its types
 */
function decodeCustom(
  custom: CustomVersion,
  input: object,
  { strict, flavour, document }: DecodeOptions,
): DecodedStruct {
  const { metadata, ...content } = input as JsonObject;
  const head = decodeStruct(headOf(), { metadata: metadata ?? {} }, { strict, flavour });
  const { apiVersion, kind, ...rest } = structuredClone(content);
  const value: JsonObject = { apiVersion, kind, ...head.value, ...rest };
  const unknown = admitCustomResource(value, custom.schema);
  if (!strict) return { value, strict: [] };
  const twice = document === undefined ? [] : explain(ANY, document, "json").strict;
  return { value, strict: [...twice, ...head.strict, ...unknown.map(unknownField)] };
}

function unknownField(path: string): string {
  return `unknown field ${JSON.stringify(path)}`;
}

/** Decodes an object of any kind: by its wire type, or by its definition's schema. */
export function decodeKind(kind: Kind, input: object, options: DecodeOptions): DecodedStruct {
  if (kind.custom !== undefined && isObject(input)) return decodeCustom(kind.custom, input, options);
  return decodeStruct(typeOfKind(kind), input, options);
}
