/** Evaluates `x-kubernetes-validations` (KEP-2876) over an object: apiextensions pkg/apiserver/schema/cel. */
import { createRequire } from "node:module";
import type { CelInput } from "@bufbuild/cel";
import type { FieldError, FieldErrorReason } from "../field-errors.ts";
import type { Program } from "./cel-environment.ts";
import { toCel } from "./cel-values.ts";
import { previousItems } from "./list-types.ts";
import { type CelRule, childPath, isObject, keyPath, sameValue, type Schema, valueSchema } from "./schema.ts";

const load = createRequire(import.meta.url);
/** Loaded with the first rule: a server without one starts, and stays, without the library. */
const cel = () => load("./cel-environment.ts") as typeof import("./cel-environment.ts");

const programs = new Map<string, Program | Error>();

/** Parsed and planned once per rule; a rule that cannot be read keeps its error. */
function programOf(rule: string): Program | Error {
  let program = programs.get(rule);
  if (program === undefined) {
    program = cel().compileRule(rule);
    programs.set(rule, program);
  }
  return program;
}

/** Why a rule cannot be read; undefined when it can. */
export function ruleSyntaxError(rule: string): string | undefined {
  const program = programOf(rule);
  return program instanceof Error ? program.message : undefined;
}

/** A value that rules are about. */
interface Place {
  readonly value: unknown;
  readonly schema: Schema;
  readonly path: string;
  /** The stored value at the same place. */
  readonly old: unknown;
  readonly isRoot: boolean;
  /** Whether the nearest value around it that has a stored one is as it was stored. */
  readonly isWithinUnchanged: boolean;
}

/**
 * Evaluates every rule of the schema that applies to the value. `old` is the stored value at the same place: rules
 * with `oldSelf` need it, and what did not change is not complained about.
 */
export function evaluateRules(value: unknown, schema: Schema, path: string, old?: unknown): FieldError[] {
  return evaluateAt({ value, schema, path, old, isRoot: true, isWithinUnchanged: false });
}

function evaluateAt(place: Place): FieldError[] {
  const { value, schema } = place;
  if (value === null) return [];
  const rules = schema["x-kubernetes-validations"] ?? [];
  const errors = rules.flatMap((rule) => evaluateRule(rule, place));
  const parts = (schema.allOf ?? []).filter(hasRules);
  for (const part of parts) errors.push(...evaluateAt({ ...place, schema: { type: schema.type, ...part } }));
  return [...errors, ...evaluateChildren(place)];
}

function evaluateChildren({ value, schema, path, old, isWithinUnchanged }: Place): FieldError[] {
  const isUnchanged = old === undefined ? isWithinUnchanged : sameValue(value, old);
  const at = (item: unknown, child: Schema | undefined, where: string, before: unknown): FieldError[] => {
    if (child === undefined || !hasRules(child)) return [];
    const state = { isRoot: false, isWithinUnchanged: isUnchanged };
    return evaluateAt({ value: item, schema: child, path: where, old: before, ...state });
  };
  if (Array.isArray(value)) {
    const previous = previousItems(schema, old);
    return value.flatMap((item, index) => at(item, schema.items, `${path}[${index}]`, previous(item)));
  }
  if (!isObject(value)) return [];
  const before = isObject(old) ? old : {};
  const values = valueSchema(schema);
  return Object.entries(value).flatMap(([key, item]) => {
    const property = schema.properties?.[key];
    if (property !== undefined) return at(item, property, childPath(path, key), before[key]);
    return at(item, values, keyPath(path, key), before[key]);
  });
}

const withRules = new WeakMap<Schema, boolean>();

/** Whether a schema holds a rule anywhere; remembered, because most do not. */
export function hasRules(schema: Schema): boolean {
  let known = withRules.get(schema);
  if (known === undefined) {
    const { properties = {}, items, allOf = [] } = schema;
    const children = [...Object.values(properties), items, valueSchema(schema), ...allOf];
    known =
      schema["x-kubernetes-validations"] !== undefined ||
      children.some((child) => child !== undefined && hasRules(child));
    withRules.set(schema, known);
  }
  return known;
}

function evaluateRule(rule: CelRule, place: Place): FieldError[] {
  const { value, schema, old, isRoot } = place;
  const isTransition = /\boldSelf\b/.test(rule.rule);
  if (isTransition && old === undefined && rule.optionalOldSelf !== true) return [];
  const isUnchanged = old === undefined ? place.isWithinUnchanged : sameValue(value, old);
  if (!isTransition && isUnchanged) return [];
  const bindings = {
    self: toCel(value, schema, isRoot),
    ...(old === undefined ? {} : { oldSelf: toCel(old, schema, isRoot) }),
  };
  try {
    const program = programOf(rule.rule);
    if (program instanceof Error) throw program;
    const result = program(bindings);
    if (result === true) return [];
    if (cel().isCelError(result)) return [evaluationError(result.message, rule, place)];
    return [failed(rule, place, messageFrom(rule, bindings) ?? messageOf(rule))];
  } catch (error) {
    return [evaluationError((error as Error).message, rule, place)];
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

/** Of objects and lists the value is not told. */
function failed(rule: CelRule, { path, value, schema }: Place, text: string): FieldError {
  const field = (path + (rule.fieldPath ?? "")).replace(/^\./, "") || "<nil>";
  const reason = (rule.reason ?? "FieldValueInvalid") as FieldErrorReason;
  const isOmitted = schema.type === "object" || schema.type === "array";
  const told = isOmitted ? "" : `: ${JSON.stringify(value)}`;
  switch (reason) {
    case "FieldValueForbidden":
      return { field, reason, message: `Forbidden: ${text}` };
    case "FieldValueRequired":
      return { field, reason, message: `Required value: ${text}` };
    case "FieldValueDuplicate":
      return { field, reason, message: `Duplicate value${told}` };
    default:
      return { field, reason, message: `Invalid value${told}: ${text}` };
  }
}

/** How cel-go says what this library words differently. */
function inGoWords(why: string): string {
  if (why.startsWith("Failed to parse duration")) {
    return "type conversion error from 'string' to 'google.protobuf.Duration'";
  }
  return why.replace(/^field not found: /, "no such key: ");
}

function evaluationError(why: string, rule: CelRule, { schema, path }: Place): FieldError {
  const about = rule.message?.trim() || rule.rule.trim();
  const text = `${inGoWords(why)} evaluating rule: ${about}`;
  const message = `Invalid value: ${JSON.stringify(schema.type ?? "")}: ${text}`;
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
    return new Error(cel().isCelError(result) ? inGoWords(result.message) : "the result is not a bool");
  } catch (error) {
    return new Error(inGoWords((error as Error).message));
  }
}
