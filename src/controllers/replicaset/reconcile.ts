import { conditionOf } from "../../objects/conditions.ts";
import type { Condition, Pod, ReplicaSet } from "../../objects/types.ts";
import { formatTime } from "../../objects/time.ts";
import { hasLabels } from "../runtime/labels.ts";
import { controllerOf } from "../runtime/owners.ts";
import { isPodActive, isPodReady, untilAvailable } from "../runtime/pods.ts";

/** Pods that one sync creates or deletes at most. */
const BURST = 500;

/** What a ReplicaSet needs. */
export interface ReplicaSetPlan {
  /** How many pods to create. */
  readonly create: number;
  readonly delete: readonly Pod[];
}

/**
 * The pods that a ReplicaSet lacks, or has too many of (pkg/controller/replicaset manageReplicas).
 * @param owned the pods that it controls
 * @param siblings all pods of ReplicaSets of the same owner: of too many pods, those go first that share
 *   their node with most siblings
 */
export function planReplicas(
  set: ReplicaSet,
  owned: readonly Pod[],
  siblings: readonly Pod[],
  now: number,
): ReplicaSetPlan {
  const active = owned.filter(isPodActive);
  const missing = (set.spec.replicas ?? 1) - active.length;
  if (set.metadata.deletionTimestamp !== undefined || missing === 0) return { create: 0, delete: [] };
  if (missing > 0) return { create: Math.min(missing, BURST), delete: [] };
  const crowd = Map.groupBy(siblings.filter(isPodActive), (pod) => pod.spec.nodeName ?? "");
  const rank = (pod: Pod): number => crowd.get(pod.spec.nodeName ?? "")?.length ?? 0;
  const ordered = [...active].sort((a, b) => compareForDeletion(a, b, rank, now));
  return { create: 0, delete: ordered.slice(0, Math.min(-missing, BURST)) };
}

const PHASE_ORDER: Record<string, number> = { Pending: 0, Unknown: 1, Running: 2 };
const DELETION_COST = "controller.kubernetes.io/pod-deletion-cost";

/** Which of two pods goes first: negative, if the first one (pkg/controller ActivePodsWithRanks). */
function compareForDeletion(a: Pod, b: Pod, rank: (pod: Pod) => number, now: number): number {
  const keys: ((pod: Pod) => number)[] = [
    (pod) => (pod.spec.nodeName ? 1 : 0),
    (pod) => PHASE_ORDER[pod.status?.phase ?? "Pending"] ?? 0,
    (pod) => (isPodReady(pod) ? 1 : 0),
    (pod) => Number(pod.metadata.annotations?.[DELETION_COST] ?? 0),
    (pod) => -rank(pod),
    (pod) => logarithmicAge(conditionOf(pod.status?.conditions, "Ready")?.lastTransitionTime, now),
    (pod) => -restartsOf(pod),
    (pod) => logarithmicAge(pod.metadata.creationTimestamp, now),
  ];
  for (const key of keys) {
    const difference = key(a) - key(b);
    if (difference !== 0) return difference;
  }
  return (a.metadata.uid ?? "") < (b.metadata.uid ?? "") ? -1 : 1;
}

/** Ages compare by their order of magnitude (LogarithmicScaleDown). */
function logarithmicAge(time: string | undefined, now: number): number {
  const seconds = Math.max(0, now - Date.parse(time ?? "")) / 1000;
  return Number.isNaN(seconds) || seconds < 1 ? 0 : Math.floor(Math.log2(seconds)) + 1;
}

function restartsOf(pod: Pod): number {
  return Math.max(0, ...(pod.status?.containerStatuses ?? []).map(({ restartCount }) => restartCount));
}

/**
 * The status that a ReplicaSet's pods amount to, and in how many milliseconds one of them becomes available
 * by waiting alone.
 * @param failure why pods could not be created or deleted in this sync
 */
export function replicaSetStatus(
  set: ReplicaSet,
  owned: readonly Pod[],
  now: number,
  failure?: { reason: string; message: string },
): { status: NonNullable<ReplicaSet["status"]>; recheck?: number } {
  const active = owned.filter(isPodActive);
  const waits = active.map((pod) => untilAvailable(pod, set.spec.minReadySeconds ?? 0, now));
  const templateLabels = set.spec.template.metadata?.labels ?? {};
  const pending = waits.filter((wait) => wait !== undefined && wait > 0) as number[];
  const conditions = withFailure(set.status?.conditions ?? [], failure, now);
  const status: NonNullable<ReplicaSet["status"]> = {
    replicas: active.length,
    fullyLabeledReplicas: active.filter(({ metadata }) => hasLabels(metadata.labels, templateLabels)).length,
    readyReplicas: active.filter(isPodReady).length,
    availableReplicas: waits.filter((wait) => wait === 0).length,
    observedGeneration: set.metadata.generation ?? 0,
    ...(conditions.length > 0 ? { conditions } : {}),
  };
  return pending.length === 0 ? { status } : { status, recheck: Math.min(...pending) };
}

function withFailure(
  conditions: readonly Condition[],
  failure: { reason: string; message: string } | undefined,
  now: number,
): Condition[] {
  const others = conditions.filter(({ type }) => type !== "ReplicaFailure");
  if (failure === undefined) return others;
  const present = conditionOf(conditions, "ReplicaFailure");
  if (present?.reason === failure.reason) return [...others, present];
  return [
    ...others,
    { type: "ReplicaFailure", status: "True", ...failure, lastTransitionTime: formatTime(new Date(now)) },
  ];
}

/** The pods of all ReplicaSets that have the same controller as this one, or its own when it has none. */
export function siblingPods(
  set: ReplicaSet,
  owned: readonly Pod[],
  sets: readonly ReplicaSet[],
  pods: readonly Pod[],
): readonly Pod[] {
  const owner = controllerOf(set)?.uid;
  if (owner === undefined) return owned;
  const uids = new Set(
    sets.filter((other) => controllerOf(other)?.uid === owner).map(({ metadata }) => metadata.uid),
  );
  return pods.filter((pod) => uids.has(controllerOf(pod)?.uid));
}
