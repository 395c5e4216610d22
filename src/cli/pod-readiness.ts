/** What a pod's status says of its readiness, for users. */
import { conditionOf, hasCondition } from "../objects/conditions.ts";
import type { Pod } from "../objects/types.ts";

/** Whether a pod is ready, or has done what it was for. */
export function podReady(pod: Pod): boolean {
  return pod.status?.phase === "Succeeded" || hasCondition(pod, "Ready");
}

/** Why a pod is not ready, as its containers and the scheduler say; empty where neither says anything. */
export function podReasons(pod: Pod): string[] {
  const states = [...(pod.status?.initContainerStatuses ?? []), ...(pod.status?.containerStatuses ?? [])];
  const reasons = states.flatMap(({ name, state }) => {
    const why = state?.waiting ?? state?.terminated;
    return why?.reason === undefined
      ? []
      : [`container ${name} ${why.reason}${why.message ? ` (${why.message})` : ""}`];
  });
  const scheduled = conditionOf(pod.status?.conditions, "PodScheduled");
  if (scheduled?.status === "False" && scheduled.message !== undefined) reasons.push(scheduled.message);
  return reasons;
}
