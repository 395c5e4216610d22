import { type FieldError, invalid, notSupported, required } from "../../field-errors.ts";
import { ruleSyntaxError } from "../cel.ts";
import type { CelRule, Schema } from "../schema.ts";

const REASONS = ["FieldValueDuplicate", "FieldValueForbidden", "FieldValueInvalid", "FieldValueRequired"];

/** What is wrong with the CEL rules of a schema. */
export function ruleErrors(schema: Schema, path: string): FieldError[] {
  const rules = schema["x-kubernetes-validations"] ?? [];
  return rules.flatMap((rule, index) => oneRuleErrors(rule, `${path}.x-kubernetes-validations[${index}]`));
}

function oneRuleErrors(rule: CelRule, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const { message, messageExpression, reason, fieldPath } = rule;
  if (rule.rule.trim() === "") errors.push(required(`${path}.rule`, "rule is not specified"));
  else {
    const wrong = ruleSyntaxError(rule.rule);
    if (wrong !== undefined) errors.push(invalid(`${path}.rule`, rule, `compilation failed: ${wrong}`));
  }
  if (message !== undefined && message !== "" && message.trim() === "") {
    errors.push(invalid(`${path}.message`, message, "message must be non-empty if specified"));
  } else if (message?.trim().includes("\n") === true) {
    errors.push(invalid(`${path}.message`, message, "message must not contain line breaks"));
  } else if (rule.rule.trim().includes("\n") && (message ?? "").trim() === "") {
    errors.push(required(`${path}.message`, "message must be specified if rule contains line breaks"));
  }
  if (messageExpression !== undefined && messageExpression !== "") {
    const wrong = ruleSyntaxError(messageExpression);
    if (wrong !== undefined) {
      const why = `messageExpression compilation failed: ${wrong}`;
      errors.push(invalid(`${path}.messageExpression`, rule, why));
    }
  }
  if (reason !== undefined && !REASONS.includes(reason)) {
    errors.push(notSupported(`${path}.reason`, reason, REASONS));
  }
  if (fieldPath !== undefined && fieldPath.trim() === "") {
    errors.push(invalid(`${path}.fieldPath`, fieldPath, "fieldPath must be non-empty if specified"));
  }
  return errors;
}
