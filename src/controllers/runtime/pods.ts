import { conditionOf, hasCondition } from "../../objects/conditions.ts";
import type { Pod } from "../../objects/types.ts";

/** Whether the pod's condition Ready is True. */
export function isPodReady(pod: Pod): boolean {
  return hasCondition(pod, "Ready");
}

/** Whether the pod has ended for good (pkg/api/v1/pod IsPodTerminal). */
export function isPodTerminal(pod: Pod): boolean {
  return pod.status?.phase === "Succeeded" || pod.status?.phase === "Failed";
}

/**
 * Whether the pod counts for its controller: neither ended nor being deleted (pkg/controller IsPodActive).
 */
export function isPodActive(pod: Pod): boolean {
  return !isPodTerminal(pod) && pod.metadata.deletionTimestamp === undefined;
}

/**
 * Milliseconds until a pod is available (ready for `minReadySeconds` on end): 0 when it is, undefined while
 * it is not even ready.
 */
export function untilAvailable(pod: Pod, minReadySeconds: number, now: number): number | undefined {
  const ready = conditionOf(pod.status?.conditions, "Ready");
  if (ready?.status !== "True") return undefined;
  if (minReadySeconds === 0) return 0;
  if (!ready.lastTransitionTime) return undefined;
  return Math.max(0, Date.parse(ready.lastTransitionTime) + minReadySeconds * 1000 - now);
}
