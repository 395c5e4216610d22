/**
 * Validation of values against the schema of a custom resource: checks, texts and what is told of a value that fits none
 * of several schemas, as kube-openapi's validator has them (pkg/validation/{validate,errors}); apiextensions makes field
 * errors of them (pkg/apiserver/validation).
 */
import { type FieldError, invalid, notSupported, required, tooLong, tooMany } from "../field-errors.ts";
import { isKnownFormat, matchesFormat } from "./formats.ts";
import { previousItems } from "./list-types.ts";
import { compilePattern } from "./pattern.ts";
import { childPath, isObject, type JsonObject, sameValue, type Schema, valueSchema } from "./schema.ts";

/**
 * Everything wrong with a value. `root` is where the value stands: fields begin with it, texts do not. `old` is the
 * stored value at the same place, if there is one: what did not change is not complained about (ratcheting, KEP-4008).
 */
export function validateSchema(value: unknown, schema: Schema, root: string, old?: unknown): FieldError[] {
  return check(value, schema, "", old).failures.map((failure) => ({
    ...failure,
    field: fieldOf(root, failure.field),
  }));
}

/** A failure of several schemas at once has no field of its own, and is told of the root. */
const NO_FIELD = "<nil>";

function fieldOf(root: string, path: string): string {
  const name = path === NO_FIELD ? "" : path.replace(/^\./, "");
  if (name === "") return root === "" ? NO_FIELD : root;
  return root === "" ? name : childPath(root, name);
}

/** What a value fails by, each failure once, and how many checks it went through: the most is the nearest schema. */
interface Outcome {
  readonly failures: readonly FieldError[];
  readonly matches: number;
}

const FITS: Outcome = { failures: [], matches: 0 };

function failing(...failures: readonly FieldError[]): Outcome {
  return { failures, matches: 0 };
}

/** All outcomes as one; `matches` are added to theirs. */
function merged(outcomes: readonly Outcome[], matches = 0): Outcome {
  const known = new Map<string, FieldError>();
  let total = matches;
  for (const outcome of outcomes) {
    total += outcome.matches;
    for (const failure of outcome.failures) {
      const key = JSON.stringify([failure.field, failure.message]);
      if (!known.has(key)) known.set(key, failure);
    }
  }
  return { failures: [...known.values()], matches: total };
}

function check(value: unknown, schema: Schema, path: string, old?: unknown): Outcome {
  if (old !== undefined && sameValue(value, old)) return FITS;
  if (value === null) return merged([checkType(value, schema, path), checkEnum(value, schema, path)]);
  const isTyped = typesOf(schema).length > 0 || isKnownFormat(schema.format);
  const outcomes = [
    ...(isTyped ? [checkType(value, schema, path)] : []),
    checkCombinations(value, schema, path),
    ...(typeof value === "string" ? checkString(value, schema, path) : []),
    ...(typeof value === "number" ? [checkNumber(value, schema, path)] : []),
    ...(Array.isArray(value) ? [checkList(value, schema, path, old)] : []),
    checkEnum(value, schema, path),
    ...(isObject(value) ? [checkObject(value, schema, path, old)] : []),
  ];
  return merged(outcomes, outcomes.length + 1);
}

/** `spec.a in body`: how messages name a place. */
function named(path: string): string {
  return `${path} in body`;
}

function typesOf(schema: Schema): readonly string[] {
  if (schema["x-kubernetes-int-or-string"] === true) return ["integer", "string"];
  return schema.type === undefined ? [] : [schema.type];
}

function typeOf(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "array";
  if (typeof value === "number") return Number.isInteger(value) ? "integer" : "number";
  return typeof value;
}

/** Go's formats of JSON's numbers: they are told where a format was wanted. */
const NUMBER_FORMATS: Readonly<Record<string, string>> = { integer: "int64", number: "float64" };

function checkType(value: unknown, schema: Schema, path: string): Outcome {
  const types = typesOf(schema);
  const wanted = types.join(",");
  const found = typeOf(value);
  if (value === null) {
    const fits = types.length === 0 || schema.nullable === true;
    return fits ? { failures: [], matches: 1 } : failing(typeInvalid(wanted, found, path));
  }
  const fits = types.includes(found) || (found === "integer" && types.includes("number"));
  const isText = typeof value === "string" || Array.isArray(value);
  if (isKnownFormat(schema.format)) {
    const format = schema.format ?? "";
    if (!isText && !fits) return failing(typeInvalid(format, NUMBER_FORMATS[found] ?? "", path));
    const isNumeric = types.includes("number") || types.includes("integer");
    if (isText && !isNumeric) return { failures: [], matches: 1 };
  }
  return fits ? { failures: [], matches: 1 } : failing(typeInvalid(wanted, found, path));
}

/** The bad value that the message names is the type that was found, or the text that has not the format. */
function typeInvalid(type: string, found: string, path: string): FieldError {
  const bad = JSON.stringify(found);
  const message = `Invalid value: ${bad}: ${named(path)} must be of type ${type}: ${bad}`;
  return { field: path, reason: "FieldValueTypeInvalid", message };
}

function checkString(value: string, schema: Schema, path: string): Outcome[] {
  const first = firstStringError(value, schema, path);
  const text = first === undefined ? FITS : failing(first);
  const { format } = schema;
  if (format === undefined || !isKnownFormat(format)) return [text];
  return [text, matchesFormat(format, value) ? FITS : failing(typeInvalid(format, value, path))];
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

function checkNumber(value: number, schema: Schema, path: string): Outcome {
  const { multipleOf, minimum, maximum } = schema;
  const failures: FieldError[] = [];
  const fail = (detail: string) => failures.push(invalid(path, value, `${named(path)} should be ${detail}`));
  if (multipleOf !== undefined && !Number.isInteger(value / multipleOf)) fail(`a multiple of ${multipleOf}`);
  if (minimum !== undefined && (schema.exclusiveMinimum === true ? value <= minimum : value < minimum)) {
    fail(`${schema.exclusiveMinimum === true ? "greater than" : "greater than or equal to"} ${minimum}`);
  }
  if (maximum !== undefined && (schema.exclusiveMaximum === true ? value >= maximum : value > maximum)) {
    fail(`${schema.exclusiveMaximum === true ? "less than" : "less than or equal to"} ${maximum}`);
  }
  return { failures, matches: 1 };
}

function checkEnum(value: unknown, schema: Schema, path: string): Outcome {
  const allowed = schema.enum ?? [];
  if (allowed.length === 0 || allowed.some((one) => sameValue(one, value))) return FITS;
  const texts = allowed.map((one) => (typeof one === "string" ? one : JSON.stringify(one)));
  return failing(notSupported(path, value, texts));
}

// -- several schemas for one value ---------------------------------------------------------------------------------

/** What fits none is told with the failures of the schema that it came furthest with. Nothing below is ratcheted. */
function checkCombinations(value: unknown, schema: Schema, path: string): Outcome {
  const outcomesOf = (schemas: readonly Schema[]) => schemas.map((one) => check(value, one, path));
  const parts = [
    ...(schema.anyOf === undefined ? [] : anyOf(outcomesOf(schema.anyOf), path)),
    ...(schema.oneOf === undefined ? [] : oneOf(outcomesOf(schema.oneOf), path)),
    ...(schema.allOf === undefined ? [] : allOf(outcomesOf(schema.allOf), path)),
  ];
  if (schema.not !== undefined && fits(check(value, schema.not, path))) {
    parts.push(unfit(path, "must not validate the schema (not)"));
  }
  return merged(parts, 1);
}

function fits(outcome: Outcome): boolean {
  return outcome.failures.length === 0;
}

function unfit(path: string, why: string): Outcome {
  return failing(invalid(NO_FIELD, "", `${JSON.stringify(path)} ${why}`));
}

/** The first of those with the most checks passed. */
function nearest(outcomes: readonly Outcome[]): Outcome {
  return outcomes.reduce((best, one) => (one.matches > best.matches ? one : best));
}

function anyOf(outcomes: readonly Outcome[], path: string): Outcome[] {
  const first = outcomes.find(fits);
  if (first !== undefined) return [first];
  return [unfit(path, "must validate at least one schema (anyOf)"), nearest(outcomes)];
}

function oneOf(outcomes: readonly Outcome[], path: string): Outcome[] {
  const fitting = outcomes.filter(fits);
  if (fitting.length === 1) return fitting;
  const why = "must validate one and only one schema (oneOf).";
  if (fitting.length > 1) return [unfit(path, `${why} Found ${fitting.length} valid alternatives`)];
  return [unfit(path, `${why} Found none valid`), nearest(outcomes)];
}

function allOf(outcomes: readonly Outcome[], path: string): Outcome[] {
  const fitting = outcomes.filter(fits).length;
  if (fitting === outcomes.length) return [...outcomes];
  const none = fitting === 0 ? ". None validated" : "";
  return [...outcomes, unfit(path, `must validate all the schemas (allOf)${none}`)];
}

// -- lists and objects ---------------------------------------------------------------------------------------------

function checkList(list: readonly unknown[], schema: Schema, path: string, old: unknown): Outcome {
  const { items, minItems, maxItems } = schema;
  const previous = previousItems(schema, old);
  const outcomes =
    items === undefined
      ? []
      : list.map((item, index) => check(item, items, `${path}[${index}]`, previous(item)));
  if (minItems !== undefined && list.length < minItems) {
    const why = `${named(path)} should have at least ${minItems} items`;
    outcomes.push(failing(invalid(path, list.length, why)));
  }
  if (maxItems !== undefined && list.length > maxItems) {
    outcomes.push(failing(tooMany(path, list.length, maxItems)));
  }
  return merged(outcomes, 1);
}

function checkObject(object: JsonObject, schema: Schema, path: string, old: unknown): Outcome {
  const count = Object.keys(object).length;
  const { minProperties, maxProperties } = schema;
  const outcomes: Outcome[] = [];
  if (minProperties !== undefined && count < minProperties) {
    const why = `${named(path)} should have at least ${minProperties} properties`;
    outcomes.push(failing(invalid(path, count, why)));
  }
  if (maxProperties !== undefined && count > maxProperties) {
    outcomes.push(failing(tooMany(path, count, maxProperties)));
  }
  const previous = isObject(old) ? old : {};
  const values = valueSchema(schema);
  for (const [key, value] of Object.entries(object)) {
    const property = schema.properties?.[key];
    const child = property ?? values;
    const at = property === undefined ? `${path}.${key}` : childPath(path, key);
    if (child !== undefined) outcomes.push(check(value, child, at, previous[key]));
  }
  for (const name of schema.required ?? []) {
    if (object[name] === undefined) outcomes.push(failing(required(`${path}.${name}`)));
  }
  return merged(outcomes);
}
