import type { StatusCause } from "./types.ts";

/** The reasons of field errors, as `metav1.CauseType` spells them (apimachinery field/errors.go). */
export type FieldErrorReason =
  | "FieldValueRequired"
  | "FieldValueInvalid"
  | "FieldValueNotSupported"
  | "FieldValueDuplicate"
  | "FieldValueForbidden"
  | "FieldValueNotFound"
  | "FieldValueTooLong"
  | "FieldValueTooMany"
  | "FieldValueTypeInvalid"
  | "InternalError";

/** One thing wrong with one field of an object. `message` is the text without the path. */
export interface FieldError {
  readonly field: string;
  readonly reason: FieldErrorReason;
  readonly message: string;
}

/** A Go `%#v`-like rendering of a bad value, as field errors print it: JSON, with strings quoted. */
function renderValue(value: unknown): string {
  if (value === undefined || value === null) return "null";
  return JSON.stringify(value);
}

/** The value is missing. */
export function required(field: string, detail = ""): FieldError {
  return { field, reason: "FieldValueRequired", message: withDetail("Required value", detail) };
}

/** The value is malformed. */
export function invalid(field: string, value: unknown, detail = ""): FieldError {
  const head = `Invalid value: ${renderValue(value)}`;
  return { field, reason: "FieldValueInvalid", message: withDetail(head, detail) };
}

/** The value is not one of the supported ones, which are listed in the given order. */
export function notSupported(field: string, value: unknown, supported: readonly string[]): FieldError {
  const list = supported.map((item) => JSON.stringify(item)).join(", ");
  const detail = supported.length > 0 ? `supported values: ${list}` : "";
  const head = `Unsupported value: ${renderValue(value)}`;
  return { field, reason: "FieldValueNotSupported", message: withDetail(head, detail) };
}

/** The value stands there twice. */
export function duplicate(field: string, value: unknown): FieldError {
  return { field, reason: "FieldValueDuplicate", message: `Duplicate value: ${renderValue(value)}` };
}

/** The value may not be set here. */
export function forbidden(field: string, detail: string): FieldError {
  return { field, reason: "FieldValueForbidden", message: withDetail("Forbidden", detail) };
}

/** The value is longer than allowed. */
export function tooLong(field: string, max: number): FieldError {
  const message = `Too long: may not be more than ${max} ${max === 1 ? "byte" : "bytes"}`;
  return { field, reason: "FieldValueTooLong", message };
}

/** The list has more items than allowed. */
export function tooMany(field: string, actual: number, max: number): FieldError {
  const message = `Too many: ${actual}: must have at most ${max} ${max === 1 ? "item" : "items"}`;
  return { field, reason: "FieldValueTooMany", message };
}

function withDetail(head: string, detail: string): string {
  return detail === "" ? head : `${head}: ${detail}`;
}

/** The cause that a Status carries for a field error. */
export function causeOf(error: FieldError): StatusCause {
  return { reason: error.reason, message: error.message, field: error.field };
}
