import type { FieldError } from "../../objects/field-errors.ts";
import { notSupported } from "../../objects/field-errors.ts";
import { checkManagerOptions, type FieldValidation, managerOf } from "../../objects/index.ts";
import { invalidObject } from "../../objects/status.ts";
import { type Call, headerOf } from "../http/call.ts";
import { isTrue } from "../http/paths.ts";

/** What a write's query says. */
export interface WriteQuery {
  readonly dryRun: boolean;
  readonly fieldValidation: FieldValidation;
  /** Who writes: the parameter fieldManager, or else the client's name. */
  readonly manager: string;
  readonly force: boolean;
}

/** The kinds of writes, as their options are called. */
const OPTIONS = {
  create: "CreateOptions",
  update: "UpdateOptions",
  patch: "PatchOptions",
  apply: "PatchOptions",
};

/** Reads the options that writes have in common. @throws ApiError 422 */
export function writeQuery(call: Call, write: keyof typeof OPTIONS): WriteQuery {
  const dryRun = call.query.getAll("dryRun");
  const fieldValidation = call.query.get("fieldValidation") ?? "";
  const fieldManager = call.query.get("fieldManager") ?? "";
  const force = call.query.has("force") ? isTrue(call.query.get("force")) : undefined;
  const isPatch = write === "apply" || write === "patch";
  const errors = [
    ...checkManagerOptions(isPatch ? write : "other", { fieldManager, force }),
    ...dryRunErrors(dryRun),
    ...validationErrors(fieldValidation),
  ];
  if (errors.length > 0) throw invalidObject({ group: "meta.k8s.io", kind: OPTIONS[write] }, "", errors);
  return {
    dryRun: dryRun.length > 0,
    fieldValidation: fieldValidation === "" ? "Warn" : (fieldValidation as FieldValidation),
    manager: managerOf(fieldManager, headerOf(call, "user-agent")),
    force: force === true,
  };
}

function validationErrors(mode: string): FieldError[] {
  const known = ["", "Ignore", "Strict", "Warn"];
  return known.includes(mode) ? [] : [notSupported("fieldValidation", mode, known)];
}

/** What is wrong with a list of dryRun values: only `All` is known. */
export function dryRunErrors(dryRun: readonly string[]): FieldError[] {
  return dryRun.every((value) => value === "All") ? [] : [notSupported("dryRun", dryRun, ["All"])];
}
