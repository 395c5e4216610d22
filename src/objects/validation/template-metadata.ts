import type { FieldError } from "../field-errors.ts";
import { asErrors, labelErrors, qualifiedNameProblems } from "../service/formats.ts";
import type { PodTemplateSpec } from "../types.ts";

/** Checks the labels and annotations of a pod template. */
export function validateMetadataOfTemplate(field: string, { metadata }: PodTemplateSpec): FieldError[] {
  const errors = labelErrors(`${field}.labels`, metadata?.labels ?? {});
  for (const key of Object.keys(metadata?.annotations ?? {})) {
    errors.push(...asErrors(`${field}.annotations`, key, qualifiedNameProblems(key.toLowerCase())));
  }
  return errors;
}
