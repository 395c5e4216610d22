import { type FieldError, invalid } from "../../field-errors.ts";
import { isObject } from "../schema.ts";

const isText = (value: unknown): boolean => typeof value === "string";
const isList = (value: unknown): boolean => Array.isArray(value);
const isTexts = (value: unknown): boolean => Array.isArray(value) && value.every(isText);
const isObjects = (value: unknown): boolean => Array.isArray(value) && value.every(isObject);
const isRules = (value: unknown): boolean =>
  isObjects(value) && (value as { rule?: unknown }[]).every(({ rule }) => isText(rule));
const isSchemas = (value: unknown): boolean => isObject(value) && Object.values(value).every(isObject);

/** What each field of a schema must be; all others are only compared. */
const SHAPES: Readonly<Record<string, (value: unknown) => boolean>> = {
  type: isText,
  format: isText,
  pattern: isText,
  "x-kubernetes-list-type": isText,
  "x-kubernetes-map-type": isText,
  required: isTexts,
  "x-kubernetes-list-map-keys": isTexts,
  enum: isList,
  allOf: isObjects,
  anyOf: isObjects,
  oneOf: isObjects,
  not: isObject,
  items: (value) => isObject(value) || isList(value),
  properties: isSchemas,
  additionalProperties: (value) => isObject(value) || typeof value === "boolean",
  "x-kubernetes-validations": isRules,
};

/** What in a schema is of a wrong type: below `items` and `additionalProperties` decoding takes anything. */
export function shapeErrors(schema: unknown, path: string): FieldError[] {
  if (!isObject(schema)) return [invalid(path, schema, "must be a schema")];
  return Object.entries(SHAPES).flatMap(([name, fits]) => {
    const value = schema[name];
    return value === undefined || fits(value)
      ? []
      : [invalid(`${path}.${name}`, value, "must be of another type")];
  });
}
