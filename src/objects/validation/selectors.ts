import { type FieldError, forbidden, invalid, required } from "../field-errors.ts";
import { asErrors, labelErrors, labelValueProblems, qualifiedNameProblems } from "../service/formats.ts";
import type { LabelSelector } from "../types.ts";

/** Checks a label selector (apis/meta/v1/validation ValidateLabelSelector). */
export function validateLabelSelector(field: string, selector: LabelSelector): FieldError[] {
  const errors = labelErrors(`${field}.matchLabels`, selector.matchLabels ?? {});
  for (const [index, requirement] of (selector.matchExpressions ?? []).entries()) {
    errors.push(...checkRequirement(`${field}.matchExpressions[${index}]`, requirement));
  }
  return errors;
}

function checkRequirement(
  field: string,
  { key, operator, values = [] }: NonNullable<LabelSelector["matchExpressions"]>[number],
): FieldError[] {
  const errors: FieldError[] = [];
  if (operator === "In" || operator === "NotIn") {
    const detail = "must be specified when `operator` is 'In' or 'NotIn'";
    if (values.length === 0) errors.push(required(`${field}.values`, detail));
  } else if (operator === "Exists" || operator === "DoesNotExist") {
    const detail = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'";
    if (values.length > 0) errors.push(forbidden(`${field}.values`, detail));
  } else errors.push(invalid(`${field}.operator`, operator, "not a valid selector operator"));
  errors.push(...asErrors(`${field}.key`, key, qualifiedNameProblems(key)));
  values.forEach((value, index) => {
    errors.push(...asErrors(`${field}.values[${index}]`, value, labelValueProblems(value)));
  });
  return errors;
}
