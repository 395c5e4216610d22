import { type FieldError, invalid } from "../field-errors.ts";

const PERCENT = /^[0-9]+%$/;

/** A number that is not below zero, if given. */
export function notNegative(field: string, value: number | undefined): FieldError[] {
  if (value === undefined || value >= 0) return [];
  return [invalid(field, value, "must be greater than or equal to 0")];
}

/** A number that is not below zero, or a percentage (pkg/apis/apps/validation ValidatePositiveIntOrPercent). */
export function checkIntOrPercent(field: string, value: number | string): FieldError[] {
  if (typeof value === "number") return notNegative(field, value);
  if (PERCENT.test(value)) return [];
  const detail =
    "a valid percent string must be a numeric string followed by an ending '%' " +
    "(e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')";
  return [invalid(field, value, detail)];
}

/** A percentage that is not more than the whole; anything else is somebody else's error (IsNotMoreThan100Percent). */
export function atMostAll(field: string, value: number | string): FieldError[] {
  if (typeof value === "number" || !PERCENT.test(value) || Number.parseInt(value, 10) <= 100) return [];
  return [invalid(field, value, "must not be greater than 100%")];
}
