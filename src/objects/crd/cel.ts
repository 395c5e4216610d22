/** Evaluates `x-kubernetes-validations` (KEP-2876) over an object: apiextensions pkg/apiserver/schema/cel. */
import { type CelEnv, type CelInput, celEnv, isCelError, parse, plan } from "@bufbuild/cel";
import { strings } from "@bufbuild/cel/ext";
import type { FieldError, FieldErrorReason } from "../field-errors.ts";
import { KUBERNETES_FUNCTIONS } from "./cel-functions.ts";
import { toCel } from "./cel-values.ts";
import { compilePattern } from "./pattern.ts";
import { type CelRule, childPath, isObject, keyPath, sameValue, type Schema, valueSchema } from "./schema.ts";
import { previousItems } from "./validate.ts";

type Program = (bindings: Record<string, CelInput>) => unknown;

let environment: CelEnv | undefined;
const programs = new Map<string, Program | Error>();

/** Parsed and planned once per rule; a rule that cannot be read keeps its error. */
function programOf(rule: string): Program | Error {
  let program = programs.get(rule);
  if (program === undefined) {
    program = compileRule(rule);
    programs.set(rule, program);
  }
  return program;
}

function compileRule(rule: string): Program | Error {
  environment ??= celEnv({ funcs: [...strings, ...KUBERNETES_FUNCTIONS], re2: { compile: compilePattern } });
  try {
    return plan(environment, parse(rule)) as Program;
  } catch (error) {
    return error as Error;
  }
}

/** Why a rule cannot be read; undefined when it can. */
export function ruleSyntaxError(rule: string): string | undefined {
  const program = programOf(rule);
  return program instanceof Error ? program.message : undefined;
}

/**
 * Evaluates every rule of the schema that applies to the value. `old` is the stored value at the same place: rules
 * with `oldSelf` need it, and what did not change is not complained about.
 */
export function evaluateRules(
  value: unknown,
  schema: Schema,
  path: string,
  old?: unknown,
  isRoot = true,
): FieldError[] {
  const errors = (schema["x-kubernetes-validations"] ?? []).flatMap((rule) =>
    evaluateRule(rule, value, schema, path, old, isRoot),
  );
  return [...errors, ...evaluateChildren(value, schema, path, old)];
}

function evaluateChildren(value: unknown, schema: Schema, path: string, old: unknown): FieldError[] {
  if (Array.isArray(value) && schema.items !== undefined && hasRules(schema.items)) {
    const items = schema.items;
    const previous = previousItems(schema, old);
    return value.flatMap((item, index) =>
      evaluateRules(item, items, `${path}[${index}]`, previous(item), false),
    );
  }
  if (!isObject(value)) return [];
  const before = isObject(old) ? old : {};
  const values = valueSchema(schema);
  return Object.entries(value).flatMap(([key, item]) => {
    const property = schema.properties?.[key];
    if (property !== undefined) {
      return hasRules(property)
        ? evaluateRules(item, property, childPath(path, key), before[key], false)
        : [];
    }
    return values !== undefined && hasRules(values)
      ? evaluateRules(item, values, keyPath(path, key), before[key], false)
      : [];
  });
}

const withRules = new WeakMap<Schema, boolean>();

/** Whether a schema holds a rule anywhere; remembered, because most do not. */
export function hasRules(schema: Schema): boolean {
  let known = withRules.get(schema);
  if (known === undefined) {
    const children = [...Object.values(schema.properties ?? {}), schema.items, valueSchema(schema)];
    known =
      schema["x-kubernetes-validations"] !== undefined ||
      children.some((child) => child !== undefined && hasRules(child));
    withRules.set(schema, known);
  }
  return known;
}

function evaluateRule(
  rule: CelRule,
  value: unknown,
  schema: Schema,
  path: string,
  old: unknown,
  isRoot: boolean,
): FieldError[] {
  const isTransition = /\boldSelf\b/.test(rule.rule);
  if (isTransition && old === undefined && rule.optionalOldSelf !== true) return [];
  if (!isTransition && old !== undefined && sameValue(value, old)) return [];
  const bindings = {
    self: toCel(value, schema, isRoot),
    ...(old === undefined ? {} : { oldSelf: toCel(old, schema, isRoot) }),
  };
  const text = messageOf(rule);
  try {
    const program = programOf(rule.rule);
    if (program instanceof Error) throw program;
    const result = program(bindings);
    if (result === true) return [];
    if (isCelError(result)) return [evaluationError(result.message, rule, value, path)];
    return [failed(rule, path, messageFrom(rule, bindings) ?? text)];
  } catch (error) {
    return [evaluationError((error as Error).message, rule, value, path)];
  }
}

function messageOf(rule: CelRule): string {
  return rule.message?.trim() || `failed rule: ${rule.rule.trim()}`;
}

function messageFrom(rule: CelRule, bindings: Record<string, CelInput>): string | undefined {
  if (rule.messageExpression === undefined) return undefined;
  const program = programOf(rule.messageExpression);
  if (program instanceof Error) return undefined;
  const text = program(bindings);
  return typeof text === "string" && text.trim() !== "" && !text.includes("\n") ? text.trim() : undefined;
}

function failed(rule: CelRule, path: string, text: string): FieldError {
  const field = (path + (rule.fieldPath ?? "")).replace(/^\./, "") || "<nil>";
  const reason = (rule.reason ?? "FieldValueInvalid") as FieldErrorReason;
  switch (reason) {
    case "FieldValueForbidden":
      return { field, reason, message: `Forbidden: ${text}` };
    case "FieldValueRequired":
      return { field, reason, message: `Required value: ${text}` };
    case "FieldValueDuplicate":
      return { field, reason, message: `Duplicate value: ${text}` };
    default:
      return { field, reason, message: `Invalid value: ${text}` };
  }
}

function typeName(value: unknown): string {
  if (Array.isArray(value)) return "array";
  if (typeof value === "number") return Number.isInteger(value) ? "integer" : "number";
  return typeof value;
}

/** How cel-go says what this library words differently. */
function inGoWords(why: string): string {
  if (why.startsWith("Failed to parse duration")) {
    return "type conversion error from 'string' to 'google.protobuf.Duration'";
  }
  return why.replace(/^field not found: /, "no such key: ");
}

function evaluationError(why: string, rule: CelRule, value: unknown, path: string): FieldError {
  const text = inGoWords(why);
  const message = `Invalid value: "${typeName(value)}": ${text} evaluating rule: ${messageOf(rule)}`;
  return { field: path === "" ? "<nil>" : path, reason: "FieldValueInvalid", message };
}

/**
 * Evaluates an expression that must be true or false, such as a webhook's match condition, over plain JSON values.
 * An Error says why it is neither.
 */
export function evaluateCondition(
  expression: string,
  values: Readonly<Record<string, unknown>>,
): boolean | Error {
  const program = programOf(expression);
  if (program instanceof Error) return program;
  const bindings = Object.fromEntries(
    Object.entries(values).map(([name, value]) => [name, toCel(value, undefined)]),
  );
  try {
    const result = program(bindings);
    if (typeof result === "boolean") return result;
    return new Error(isCelError(result) ? inGoWords(result.message) : "the result is not a bool");
  } catch (error) {
    return new Error(inGoWords((error as Error).message));
  }
}
