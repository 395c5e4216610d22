import { type FieldError, forbidden, invalid } from "../../field-errors.ts";
import { isValidPattern } from "../pattern.ts";
import type { Schema } from "../schema.ts";
import { shapeErrors } from "./shape.ts";

const INT_OR_STRING = JSON.stringify([{ type: "integer" }, { type: "string" }]);

/** What is wrong with allOf, anyOf, oneOf and not of a schema: below them stands what judges values, and nothing else. */
export function combinationErrors(schema: Schema, path: string): FieldError[] {
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

/** Whether a field of a schema says something: neither absent nor empty. */
export function isSet(value: unknown): boolean {
  if (value === undefined || value === null || value === "" || value === false) return false;
  return !Array.isArray(value) || value.length > 0;
}

/** What is wrong with the pattern of a schema. */
export function patternErrors({ pattern }: Schema, path: string): FieldError[] {
  if (pattern === undefined || isValidPattern(pattern)) return [];
  const why = "must be a valid regular expression, but isn't: error parsing regexp";
  return [invalid(`${path}.pattern`, pattern, why)];
}
