import type { FieldError } from "../../objects/field-errors.ts";
import { notSupported } from "../../objects/field-errors.ts";
import type { FieldValidation } from "../../objects/index.ts";
import { invalidObject } from "../../objects/status.ts";
import type { Call } from "../http/call.ts";

/** What a write's query says. */
export interface WriteQuery {
  readonly dryRun: boolean;
  readonly fieldValidation: FieldValidation;
}

/** Reads dryRun and fieldValidation. `optionsKind` is CreateOptions, UpdateOptions or PatchOptions. @throws ApiError 422 */
export function writeQuery(call: Call, optionsKind: string): WriteQuery {
  const dryRun = call.query.getAll("dryRun");
  const fieldValidation = call.query.get("fieldValidation") ?? "";
  const errors = dryRunErrors(dryRun);
  if (!["", "Ignore", "Strict", "Warn"].includes(fieldValidation)) {
    errors.push(notSupported("fieldValidation", fieldValidation, ["", "Ignore", "Strict", "Warn"]));
  }
  if (errors.length > 0) throw invalidObject({ group: "meta.k8s.io", kind: optionsKind }, "", errors);
  const mode = fieldValidation === "" ? "Warn" : (fieldValidation as FieldValidation);
  return { dryRun: dryRun.length > 0, fieldValidation: mode };
}

/** What is wrong with a list of dryRun values: only `All` is known. */
export function dryRunErrors(dryRun: readonly string[]): FieldError[] {
  return dryRun.every((value) => value === "All") ? [] : [notSupported("dryRun", dryRun, ["All"])];
}
