import { type FieldError, invalid, notSupported } from "../field-errors.ts";
import { atMostAll, checkIntOrPercent, notNegative } from "../validation/int-or-percent.ts";
import { validateLabelSelector } from "../validation/selectors.ts";
import type { IntOrPercent, PodDisruptionBudget } from "./types.ts";

const POLICIES = ["AlwaysAllow", "IfHealthyBudget"];

/** Checks a budget (pkg/apis/policy/validation ValidatePodDisruptionBudget). */
export function validateDisruptionBudget({ spec }: PodDisruptionBudget): FieldError[] {
  const { minAvailable, maxUnavailable, selector, unhealthyPodEvictionPolicy: policy } = spec;
  const errors = [
    ...notBoth(spec),
    ...checkAmount("spec.minAvailable", minAvailable),
    ...checkAmount("spec.maxUnavailable", maxUnavailable),
    ...(selector === undefined ? [] : validateLabelSelector("spec.selector", selector)),
  ];
  if (policy === undefined || POLICIES.includes(policy)) return errors;
  return [...errors, notSupported("spec.unhealthyPodEvictionPolicy", policy, POLICIES)];
}

function notBoth(spec: PodDisruptionBudget["spec"]): FieldError[] {
  const { minAvailable, maxUnavailable, selector, unhealthyPodEvictionPolicy } = spec;
  if (minAvailable === undefined || maxUnavailable === undefined) return [];
  // The bad value is printed as the real server's internal spec.
  const shown = {
    MinAvailable: minAvailable,
    Selector: selector ?? null,
    MaxUnavailable: maxUnavailable,
    UnhealthyPodEvictionPolicy: unhealthyPodEvictionPolicy ?? null,
  };
  return [invalid("spec", shown, "minAvailable and maxUnavailable cannot be both set")];
}

function checkAmount(field: string, amount: IntOrPercent | undefined): FieldError[] {
  return amount === undefined ? [] : [...checkIntOrPercent(field, amount), ...atMostAll(field, amount)];
}

/** Checks what a controller or an eviction says of a budget (ValidatePodDisruptionBudgetStatusUpdate). */
export function validateDisruptionStatus({ status }: PodDisruptionBudget): FieldError[] {
  const counts = ["disruptionsAllowed", "currentHealthy", "desiredHealthy", "expectedPods"] as const;
  return counts.flatMap((name) => notNegative(`status.${name}`, status?.[name]));
}
