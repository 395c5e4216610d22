import { pathSegmentName } from "../metadata/names.ts";
import type { KindRules } from "../strategy/rules.ts";
import { specAndStatus } from "../strategy/spec-and-status.ts";
import type { DisruptionStatus, PodDisruptionBudget } from "./types.ts";
import { validateDisruptionBudget, validateDisruptionStatus } from "./validate.ts";

/** What is known of a new budget; until its generation is observed, evictions of its pods are refused. */
const UNOBSERVED: DisruptionStatus = {
  disruptionsAllowed: 0,
  currentHealthy: 0,
  desiredHealthy: 0,
  expectedPods: 0,
};

/** pkg/registry/policy/poddisruptionbudget/strategy.go; it has no defaults. */
export const POD_DISRUPTION_BUDGET: KindRules<PodDisruptionBudget> = {
  ...specAndStatus<PodDisruptionBudget>(() => ({ ...UNOBSERVED })),
  nameRule: pathSegmentName,
  createOnUpdate: false,
  unconditionalUpdate: false,
  validate: validateDisruptionBudget,
  validateUpdate: validateDisruptionBudget,
  validateStatus: validateDisruptionStatus,
};
