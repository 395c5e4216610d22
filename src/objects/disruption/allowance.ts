import { conditionOf } from "../conditions.ts";
import { formatTime } from "../time.ts";
import type { Condition } from "../types.ts";
import type { DisruptionStatus } from "./types.ts";

/** The type of the condition that says whether a budget allows an eviction. */
export const DISRUPTION_ALLOWED = "DisruptionAllowed";

/** Why it does not, where that is not for want of pods. */
export interface SyncFailure {
  readonly message: string;
}

/**
 * The status with its condition as its numbers are (component-helpers/apps/poddisruptionbudget
 * UpdateDisruptionAllowedCondition), or as a failure to work them out says.
 */
export function withAllowance(status: DisruptionStatus, now: Date, failure?: SyncFailure): DisruptionStatus {
  const isAllowed = failure === undefined && status.disruptionsAllowed > 0;
  const before = conditionOf(status.conditions, DISRUPTION_ALLOWED);
  const value = isAllowed ? "True" : "False";
  const sufficiency = isAllowed ? "SufficientPods" : "InsufficientPods";
  const condition: Condition = {
    type: DISRUPTION_ALLOWED,
    status: value,
    reason: failure === undefined ? sufficiency : "SyncFailed",
    message: failure?.message ?? "",
    lastTransitionTime: (before?.status === value && before.lastTransitionTime) || formatTime(now),
    ...(status.observedGeneration ? { observedGeneration: status.observedGeneration } : {}),
  };
  const others = (status.conditions ?? []).filter(({ type }) => type !== DISRUPTION_ALLOWED);
  return { ...status, conditions: [...others, condition] };
}
