import { type FieldError, forbidden, invalid, notSupported, required } from "../../field-errors.ts";
import { admitCustomResource } from "../custom-resource.ts";
import { isObject, type Schema } from "../schema.ts";
import { validateSchema } from "../validate.ts";
import { shapeErrors } from "./shape.ts";
import { extensionErrors } from "./structural-extensions.ts";
import { combinationErrors, isSet, patternErrors } from "./structural-nested.ts";
import { ruleErrors } from "./structural-rules.ts";

type Level = "root" | "item" | "field";

/**
 * Everything that keeps a schema from being structural, and what else v1 does not take
 * (apiextensions pkg/apiserver/schema/validation.go and validation.go).
 */
export function validateStructural(schema: Schema, path: string): FieldError[] {
  return [...invariants(schema, "root", path)].sort(byText);
}

function byText(a: FieldError, b: FieldError): number {
  const [left, right] = [`${a.field}: ${a.message}`, `${b.field}: ${b.message}`];
  return left < right ? -1 : left > right ? 1 : 0;
}

function invariants(schema: Schema, level: Level, path: string): FieldError[] {
  const wrong = shapeErrors(schema, path);
  if (wrong.length > 0) return wrong;
  return [
    ...childErrors(schema, level, path),
    ...typeErrors(schema, level, path),
    ...extensionErrors(schema, path),
    ...combinationErrors(schema, path),
    ...patternErrors(schema, path),
    ...unsupportedErrors(schema, path),
    ...metadataErrors(schema, level, path),
    ...ruleErrors(schema, path),
    ...defaultErrors(schema, level, path),
  ];
}

function childErrors(schema: Schema, level: Level, path: string): FieldError[] {
  const { items, properties = {}, additionalProperties } = schema;
  const errors: FieldError[] = [];
  if (schema.type === "array" && items === undefined)
    errors.push(required(`${path}.items`, "must be specified"));
  if (Array.isArray(items))
    errors.push(forbidden(`${path}.items`, "items must be a schema object and not an array"));
  else if (items !== undefined) errors.push(...invariants(items, "item", `${path}.items`));
  for (const [name, property] of Object.entries(properties)) {
    errors.push(...invariants(property, "field", `${path}.properties[${name}]`));
  }
  if (additionalProperties === undefined) return errors;
  const at = `${path}.additionalProperties`;
  if (level === "root") errors.push(forbidden(at, "must not be used at the root"));
  if (Object.keys(properties).length > 0 && additionalProperties !== true) {
    errors.push(forbidden(at, "additionalProperties and properties are mutual exclusive"));
  }
  if (isObject(additionalProperties)) errors.push(...invariants(additionalProperties as Schema, "field", at));
  return errors;
}

const EMPTY_TYPE: Readonly<Record<Level, string>> = {
  root: "must not be empty at the root",
  item: "must not be empty for specified array items",
  field: "must not be empty for specified object fields",
};
const TYPES = ["array", "boolean", "integer", "number", "object", "string"];

function typeErrors(schema: Schema, level: Level, path: string): FieldError[] {
  const { type = "" } = schema;
  const at = `${path}.type`;
  const embedded = schema["x-kubernetes-embedded-resource"] === true;
  if (embedded && type !== "object") {
    const why = "must be object if x-kubernetes-embedded-resource is true";
    return [type === "" ? required(at, why) : invalid(at, type, why)];
  }
  if (type === "") {
    const untyped =
      schema["x-kubernetes-int-or-string"] === true ||
      schema["x-kubernetes-preserve-unknown-fields"] === true;
    return untyped ? [] : [required(at, EMPTY_TYPE[level])];
  }
  if (type === "null") return [forbidden(at, "type cannot be set to null, use nullable as an alternative")];
  if (level === "root" && type !== "object") return [invalid(at, type, "must be object at the root")];
  return TYPES.includes(type) ? [] : [notSupported(at, type, TYPES)];
}

const UNSUPPORTED = ["id", "additionalItems", "patternProperties", "definitions", "dependencies", "$ref"];

function unsupportedErrors(schema: Schema, path: string): FieldError[] {
  const record = schema as Record<string, unknown>;
  const errors = UNSUPPORTED.filter((name) => isSet(record[name])).map((name) =>
    forbidden(`${path}.${name}`, `${name} is not supported`),
  );
  if (schema.uniqueItems === true) {
    const why = "uniqueItems cannot be set to true since the runtime complexity becomes quadratic";
    errors.push(forbidden(`${path}.uniqueItems`, why));
  }
  return errors;
}

function metadataErrors(schema: Schema, level: Level, path: string): FieldError[] {
  if (level !== "root" && schema["x-kubernetes-embedded-resource"] !== true) return [];
  const properties = schema.properties ?? {};
  const at = (name: string): string => `${path}.properties[${name}]`;
  const errors = ["kind", "apiVersion"].flatMap((name) => {
    const property = properties[name];
    if (property === undefined || property.type === "string") return [];
    return [invalid(`${at(name)}.type`, property.type ?? "", "must be string")];
  });
  const { metadata } = properties;
  if (metadata === undefined) return errors;
  if (metadata.type !== "object") {
    errors.push(invalid(`${at("metadata")}.type`, metadata.type ?? "", "must be object"));
  }
  const { type: _type, properties: inner = {}, description: _about, ...others } = metadata;
  const named = Object.keys(inner).every((name) => name === "name" || name === "generateName");
  if (level === "root" && (!named || Object.keys(others).length > 0)) {
    const why =
      "must not specify anything other than name and generateName, but metadata is implicitly specified";
    errors.push(forbidden(at("metadata"), why));
  }
  return errors;
}

/** A default must fit its own schema. */
function defaultErrors(schema: Schema, level: Level, path: string): FieldError[] {
  const value = schema.default;
  if (value === undefined) return [];
  if (level === "root") return [forbidden(`${path}.default`, "must not be set at the root")];
  if (isObject(value)) {
    const rest = structuredClone(value);
    const unknown = admitCustomResource(rest, schema);
    if (unknown.length > 0) {
      const why = `must be a valid value: unknown field(s) ${unknown.join(", ")}`;
      return [invalid(`${path}.default`, value, why)];
    }
    return validateSchema(rest, schema, `${path}.default`);
  }
  return validateSchema(value, schema, `${path}.default`);
}
