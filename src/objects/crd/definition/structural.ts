import {
  duplicate,
  type FieldError,
  forbidden,
  invalid,
  notSupported,
  required,
} from "../../field-errors.ts";
import { ruleSyntaxError } from "../cel.ts";
import { isValidPattern } from "../pattern.ts";
import { admitCustomResource } from "../custom-resource.ts";
import { shapeErrors } from "./shape.ts";
import { type CelRule, isObject, type Schema } from "../schema.ts";
import { validateSchema } from "../validate.ts";

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

function extensionErrors(schema: Schema, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const intOrString = schema["x-kubernetes-int-or-string"] === true;
  const preserves = schema["x-kubernetes-preserve-unknown-fields"] === true;
  const embedded = schema["x-kubernetes-embedded-resource"] === true;
  const impossible = "must be false if x-kubernetes-int-or-string is true";
  if (intOrString && preserves) {
    errors.push(invalid(`${path}.x-kubernetes-preserve-unknown-fields`, true, impossible));
  }
  if (intOrString && embedded)
    errors.push(invalid(`${path}.x-kubernetes-embedded-resource`, true, impossible));
  if (schema["x-kubernetes-preserve-unknown-fields"] === false) {
    errors.push(invalid(`${path}.x-kubernetes-preserve-unknown-fields`, false, "must be true or undefined"));
  }
  if (embedded && !preserves && Object.keys(schema.properties ?? {}).length === 0) {
    const why =
      "must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields";
    errors.push(required(`${path}.properties`, why));
  }
  return [...errors, ...listTypeErrors(schema, path), ...mapTypeErrors(schema, path)];
}

function mapTypeErrors(schema: Schema, path: string): FieldError[] {
  const mapType = schema["x-kubernetes-map-type"];
  if (mapType === undefined) return [];
  const at = `${path}.x-kubernetes-map-type`;
  if (mapType !== "atomic" && mapType !== "granular")
    return [notSupported(at, mapType, ["atomic", "granular"])];
  if (schema.type === "object") return [];
  const why = "must be object if x-kubernetes-map-type is specified";
  return [invalid(`${path}.type`, schema.type ?? "", why)];
}

function listTypeErrors(schema: Schema, path: string): FieldError[] {
  const listType = schema["x-kubernetes-list-type"];
  const keys = schema["x-kubernetes-list-map-keys"] ?? [];
  const keysAt = `${path}.x-kubernetes-list-map-keys`;
  if (listType === undefined) {
    if (keys.length === 0) return [];
    const why = "must be map if x-kubernetes-list-map-keys is non-empty";
    return [required(`${path}.x-kubernetes-list-type`, why)];
  }
  const errors: FieldError[] = [];
  if (schema.type !== "array") {
    const why = "must be array if x-kubernetes-list-type is specified";
    errors.push(schema.type ? invalid(`${path}.type`, schema.type, why) : required(`${path}.type`, why));
  }
  const known = ["atomic", "map", "set"];
  if (!known.includes(listType)) {
    errors.push(notSupported(`${path}.x-kubernetes-list-type`, listType, known));
  } else if (listType === "map") {
    errors.push(...mapKeyErrors(schema, keys, keysAt, path));
  } else if (keys.length > 0) {
    const why = `must be map if x-kubernetes-list-map-keys is non-empty`;
    errors.push(invalid(`${path}.x-kubernetes-list-type`, listType, why));
  }
  return errors;
}

function mapKeyErrors(schema: Schema, keys: readonly string[], keysAt: string, path: string): FieldError[] {
  const { items } = schema;
  const errors: FieldError[] = [];
  if (keys.length === 0) {
    errors.push(required(keysAt, "must not be empty if x-kubernetes-list-type is map"));
  }
  if (items === undefined) return errors;
  if (items.type !== "object") {
    const why = "must be object if parent array's x-kubernetes-list-type is map";
    errors.push(invalid(`${path}.items.type`, items.type ?? "", why));
  }
  const required_ = new Set(items.required ?? []);
  const seen = new Set<string>();
  for (const [index, key] of keys.entries()) {
    const property = items.properties?.[key];
    if (seen.has(key)) errors.push(duplicate(`${keysAt}[${index}]`, key));
    seen.add(key);
    if (property === undefined) {
      errors.push(invalid(`${keysAt}[${index}]`, key, `must be a property of items`));
    } else if (!required_.has(key) && property.default === undefined) {
      const why =
        "this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property";
      errors.push(required(`${path}.items.properties[${key}].default`, why));
    }
  }
  return errors;
}

const INT_OR_STRING = JSON.stringify([{ type: "integer" }, { type: "string" }]);

function combinationErrors(schema: Schema, path: string): FieldError[] {
  const { allOf = [], anyOf = [], oneOf = [], not } = schema;
  const isIntOrString = schema["x-kubernetes-int-or-string"] === true;
  const skipAnyOf = isIntOrString && JSON.stringify(anyOf) === INT_OR_STRING;
  const skipFirst = isIntOrString && JSON.stringify(allOf[0]?.anyOf ?? []) === INT_OR_STRING;
  const each = (list: readonly Schema[], name: string): FieldError[] =>
    list.flatMap((part, index) =>
      nested(part, `${path}.${name}[${index}]`, name === "allOf" && index === 0 && skipFirst),
    );
  return [
    ...(skipAnyOf ? [] : each(anyOf, "anyOf")),
    ...each(allOf, "allOf"),
    ...each(oneOf, "oneOf"),
    ...(not === undefined ? [] : nested(not, `${path}.not`, false)),
  ];
}

/** What may not stand below allOf, anyOf, oneOf and not; with the words about it. */
const NOT_NESTED: readonly (readonly [keyof Schema | "title" | "externalDocs", string])[] = [
  ["type", "must be empty to be structural"],
  ["additionalProperties", "must be undefined to be structural"],
  ["default", "must be undefined to be structural"],
  ["title", "must be empty to be structural"],
  ["description", "must be empty to be structural"],
  ["nullable", "must be false to be structural"],
  ["externalDocs", "must be undefined to be structural"],
  ["x-kubernetes-preserve-unknown-fields", "must be false to be structural"],
  ["x-kubernetes-embedded-resource", "must be false to be structural"],
  ["x-kubernetes-int-or-string", "must be false to be structural"],
  ["x-kubernetes-list-map-keys", "must be empty to be structural"],
  ["x-kubernetes-list-type", "must be undefined to be structural"],
  ["x-kubernetes-map-type", "must be undefined to be structural"],
  ["x-kubernetes-validations", "must be empty to be structural"],
];

function nested(part: Schema, path: string, skipAnyOf: boolean): FieldError[] {
  const schema: Schema = part;
  const wrong = shapeErrors(part, path);
  if (wrong.length > 0) return wrong;
  const errors: FieldError[] = NOT_NESTED.filter(([name]) =>
    isSet((schema as Record<string, unknown>)[name]),
  ).map(([name, why]) => forbidden(`${path}.${name}`, why));
  if (schema.items !== undefined) errors.push(...nested(schema.items, `${path}.items`, false));
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    const at = `${path}.properties[${name}]`;
    if (name === "metadata") errors.push(forbidden(at, "must not be specified in a nested context"));
    errors.push(...nested(property, at, false));
  }
  const inner = skipAnyOf ? { ...schema, anyOf: [] } : schema;
  return [...errors, ...combinationErrors(inner, path), ...patternErrors(schema, path)];
}

function isSet(value: unknown): boolean {
  if (value === undefined || value === null || value === "" || value === false) return false;
  return !Array.isArray(value) || value.length > 0;
}

function patternErrors({ pattern }: Schema, path: string): FieldError[] {
  if (pattern === undefined || isValidPattern(pattern)) return [];
  const why = "must be a valid regular expression, but isn't: error parsing regexp";
  return [invalid(`${path}.pattern`, pattern, why)];
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

const REASONS = ["FieldValueDuplicate", "FieldValueForbidden", "FieldValueInvalid", "FieldValueRequired"];

function ruleErrors(schema: Schema, path: string): FieldError[] {
  const rules = schema["x-kubernetes-validations"] ?? [];
  return rules.flatMap((rule, index) => oneRuleErrors(rule, `${path}.x-kubernetes-validations[${index}]`));
}

function oneRuleErrors(rule: CelRule, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const { message, messageExpression, reason, fieldPath } = rule;
  if (rule.rule.trim() === "") errors.push(required(`${path}.rule`, "rule is not specified"));
  else {
    const wrong = ruleSyntaxError(rule.rule);
    if (wrong !== undefined) errors.push(invalid(`${path}.rule`, rule, `compilation failed: ${wrong}`));
  }
  if (message !== undefined && message !== "" && message.trim() === "") {
    errors.push(invalid(`${path}.message`, message, "message must be non-empty if specified"));
  } else if (message?.trim().includes("\n") === true) {
    errors.push(invalid(`${path}.message`, message, "message must not contain line breaks"));
  } else if (rule.rule.trim().includes("\n") && (message ?? "").trim() === "") {
    errors.push(required(`${path}.message`, "message must be specified if rule contains line breaks"));
  }
  if (messageExpression !== undefined && messageExpression !== "") {
    const wrong = ruleSyntaxError(messageExpression);
    if (wrong !== undefined) {
      const why = `messageExpression compilation failed: ${wrong}`;
      errors.push(invalid(`${path}.messageExpression`, rule, why));
    }
  }
  if (reason !== undefined && !REASONS.includes(reason)) {
    errors.push(notSupported(`${path}.reason`, reason, REASONS));
  }
  if (fieldPath !== undefined && fieldPath.trim() === "") {
    errors.push(invalid(`${path}.fieldPath`, fieldPath, "fieldPath must be non-empty if specified"));
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
