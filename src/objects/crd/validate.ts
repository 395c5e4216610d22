/**
 * Validation of custom resources against their schema, with the texts of kube-openapi's validator
 * (pkg/validation/{validate,errors}) as apiextensions turns them into field errors.
 */
import {
  duplicate,
  type FieldError,
  invalid,
  notSupported,
  required,
  tooLong,
  tooMany,
} from "../field-errors.ts";
import { matchesFormat } from "./formats.ts";
import { compilePattern } from "./pattern.ts";
import { childPath, isObject, type JsonObject, sameValue, type Schema, valueSchema } from "./schema.ts";

/**
 * Everything wrong with a value. `old` is the stored value at the same place, if there is one: what did not change is
 * not complained about (ratcheting, KEP-4008).
 */
export function validateSchema(value: unknown, schema: Schema, path: string, old?: unknown): FieldError[] {
  if (old !== undefined && sameValue(value, old)) return [];
  if (value === null && schema.nullable === true) return [];
  const typeError = checkType(value, schema, path);
  if (typeError !== undefined) return [typeError];
  return [
    ...checkScalar(value, schema, path),
    ...checkCombinations(value, schema, path),
    ...(Array.isArray(value) ? checkList(value, schema, path, old) : []),
    ...(isObject(value) ? checkObject(value, schema, path, old) : []),
  ];
}

/** `spec.a in body`: how messages name a place. */
function named(path: string): string {
  return `${path} in body`;
}

function typeOf(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "array";
  if (typeof value === "number") return Number.isInteger(value) ? "integer" : "number";
  return typeof value;
}

function checkType(value: unknown, schema: Schema, path: string): FieldError | undefined {
  const actual = typeOf(value);
  if (schema["x-kubernetes-int-or-string"] === true) {
    return actual === "integer" || actual === "string"
      ? undefined
      : typeInvalid("integer,string", actual, path);
  }
  const { type } = schema;
  if (type === undefined || type === actual || (type === "number" && actual === "integer")) return undefined;
  return typeInvalid(type, actual, path);
}

/** The bad value that the message names is the type that was found, as in the real server. */
function typeInvalid(type: string, actual: string, path: string): FieldError {
  const found = JSON.stringify(actual);
  const message = `Invalid value: ${found}: ${named(path)} must be of type ${type}: ${found}`;
  return { field: path, reason: "FieldValueTypeInvalid", message };
}

function checkScalar(value: unknown, schema: Schema, path: string): FieldError[] {
  return [
    ...(typeof value === "string" ? checkString(value, schema, path) : []),
    ...(typeof value === "number" ? checkNumber(value, schema, path) : []),
    ...checkEnum(value, schema, path),
  ];
}

function checkString(value: string, schema: Schema, path: string): FieldError[] {
  const first = firstStringError(value, schema, path);
  const errors = first === undefined ? [] : [first];
  const { format } = schema;
  if (format !== undefined && !matchesFormat(format, value)) {
    errors.push(invalid(path, value, `${named(path)} must be of type ${format}: ${JSON.stringify(value)}`));
  }
  return errors;
}

/** Lengths before the pattern, and only the first failure, as the real validator stops there. */
function firstStringError(value: string, schema: Schema, path: string): FieldError | undefined {
  const { minLength, maxLength, pattern } = schema;
  const length = [...value].length;
  if (maxLength !== undefined && length > maxLength) return tooLong(path, maxLength);
  if (minLength !== undefined && length < minLength) {
    return invalid(path, value, `${named(path)} should be at least ${minLength} chars long`);
  }
  if (pattern !== undefined && !compilePattern(pattern).test(value)) {
    return invalid(path, value, `${named(path)} should match '${pattern}'`);
  }
  return undefined;
}

function checkNumber(value: number, schema: Schema, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const { minimum, maximum, multipleOf } = schema;
  if (maximum !== undefined && (schema.exclusiveMaximum === true ? value >= maximum : value > maximum)) {
    const limit = schema.exclusiveMaximum === true ? "less than" : "less than or equal to";
    errors.push(invalid(path, value, `${named(path)} should be ${limit} ${maximum}`));
  }
  if (minimum !== undefined && (schema.exclusiveMinimum === true ? value <= minimum : value < minimum)) {
    const limit = schema.exclusiveMinimum === true ? "greater than" : "greater than or equal to";
    errors.push(invalid(path, value, `${named(path)} should be ${limit} ${minimum}`));
  }
  if (multipleOf !== undefined && !Number.isInteger(value / multipleOf)) {
    errors.push(invalid(path, value, `${named(path)} should be a multiple of ${multipleOf}`));
  }
  return errors;
}

function checkEnum(value: unknown, schema: Schema, path: string): FieldError[] {
  if (schema.enum === undefined || schema.enum.some((allowed) => sameValue(allowed, value))) return [];
  const texts = schema.enum.map((allowed) =>
    typeof allowed === "string" ? allowed : JSON.stringify(allowed),
  );
  return [notSupported(path, value, texts)];
}

function checkCombinations(value: unknown, schema: Schema, path: string): FieldError[] {
  const fits = (other: Schema) => validateSchema(value, other, path).length === 0;
  const quoted = JSON.stringify(path);
  const errors: FieldError[] = (schema.allOf ?? []).flatMap((part) => validateSchema(value, part, path));
  if (schema.anyOf !== undefined && !schema.anyOf.some(fits)) {
    errors.push(invalid(path, value, `${quoted} must validate at least one schema (anyOf)`));
  }
  if (schema.oneOf !== undefined) {
    const matches = schema.oneOf.filter(fits).length;
    const found = matches === 0 ? "Found none valid" : `Found ${matches} valid alternatives`;
    if (matches !== 1) {
      errors.push(invalid(path, value, `${quoted} must validate one and only one schema (oneOf). ${found}`));
    }
  }
  if (schema.not !== undefined && fits(schema.not)) {
    errors.push(invalid(path, value, `${quoted} must not validate the schema (not)`));
  }
  return errors;
}

function checkList(list: readonly unknown[], schema: Schema, path: string, old: unknown): FieldError[] {
  const { items, minItems, maxItems } = schema;
  const errors: FieldError[] = [];
  if (maxItems !== undefined && list.length > maxItems) errors.push(tooMany(path, list.length, maxItems));
  if (minItems !== undefined && list.length < minItems) {
    errors.push(invalid(path, list.length, `${named(path)} should have at least ${minItems} items`));
  }
  if (items !== undefined) {
    const previous = previousItems(schema, old);
    for (const [index, item] of list.entries()) {
      errors.push(...validateSchema(item, items, `${path}[${index}]`, previous(item)));
    }
  }
  errors.push(...checkListType(list, schema, path));
  return errors;
}

/** Which stored item an item continues: by its keys in lists of type map, none in other lists. */
export function previousItems(schema: Schema, old: unknown): (item: unknown) => unknown {
  if (!Array.isArray(old) || schema["x-kubernetes-list-type"] !== "map") return () => undefined;
  const byKey = new Map(old.map((item) => [listKey(schema, item), item]));
  return (item) => byKey.get(listKey(schema, item));
}

function listKey(schema: Schema, item: unknown): string {
  const keys = schema["x-kubernetes-list-map-keys"] ?? [];
  return JSON.stringify(keys.map((key) => (isObject(item) ? (item[key] ?? null) : null)));
}

function checkListType(list: readonly unknown[], schema: Schema, path: string): FieldError[] {
  const type = schema["x-kubernetes-list-type"];
  if (type !== "map" && type !== "set") return [];
  const seen = new Set<string>();
  return list.flatMap((item, index) => {
    const identity = type === "map" ? listKey(schema, item) : JSON.stringify(item);
    if (!seen.has(identity)) {
      seen.add(identity);
      return [];
    }
    return [duplicate(`${path}[${index}]`, type === "map" ? keysOf(schema, item) : item)];
  });
}

function keysOf(schema: Schema, item: unknown): JsonObject {
  const keys = [...(schema["x-kubernetes-list-map-keys"] ?? [])].sort();
  const present = keys.filter((key) => isObject(item) && item[key] !== undefined);
  return Object.fromEntries(present.map((key) => [key, (item as JsonObject)[key]]));
}

function checkObject(object: JsonObject, schema: Schema, path: string, old: unknown): FieldError[] {
  const errors: FieldError[] = [];
  const count = Object.keys(object).length;
  const { minProperties, maxProperties } = schema;
  if (maxProperties !== undefined && count > maxProperties) errors.push(tooMany(path, count, maxProperties));
  if (minProperties !== undefined && count < minProperties) {
    errors.push(invalid(path, count, `${named(path)} should have at least ${minProperties} properties`));
  }
  for (const name of schema.required ?? []) {
    if (object[name] === undefined) errors.push(required(childPath(path, name)));
  }
  const previous = isObject(old) ? old : {};
  const values = valueSchema(schema);
  for (const [key, value] of Object.entries(object)) {
    const property = schema.properties?.[key];
    const child = property ?? values;
    if (child !== undefined)
      errors.push(...validateSchema(value, child, childPath(path, key), previous[key]));
  }
  return errors;
}
