import { pathSegmentName } from "../metadata/names.ts";
import { sameJson } from "../patch/json-value.ts";
import { bumpGeneration } from "../strategy/core.ts";
import type { KindRules } from "../strategy/rules.ts";
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
  nameRule: pathSegmentName,
  createOnUpdate: false,
  unconditionalUpdate: false,
  prepareForCreate(budget) {
    budget.status = { ...UNOBSERVED };
    budget.metadata.generation = 1;
  },
  prepareForUpdate(next, stored) {
    next.status = stored.status ?? { ...UNOBSERVED };
    bumpGeneration(next, stored, !sameJson(next.spec, stored.spec));
  },
  prepareForStatus(next, stored) {
    next.spec = stored.spec;
  },
  validate: validateDisruptionBudget,
  validateUpdate: validateDisruptionBudget,
  validateStatus: validateDisruptionStatus,
};
