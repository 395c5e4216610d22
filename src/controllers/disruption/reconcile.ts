import { withAllowance } from "../../objects/disruption/allowance.ts";
import type { DisruptionStatus, PodDisruptionBudget } from "../../objects/disruption/types.ts";
import type { StatefulSet } from "../../objects/statefulset/types.ts";
import type { Deployment, Pod, ReplicaSet } from "../../objects/types.ts";
import { controllerOf } from "../runtime/owners.ts";
import { resolveCount } from "../runtime/pod-template.ts";
import { isPodReady } from "../runtime/pods.ts";

// The numbers of pkg/controller/disruption/disruption.go.

/** Milliseconds after which a pod whose eviction was granted counts again, if it is still there (DeletionTimeout). */
const DELETION_TIMEOUT = 120_000;

/** What pods are scaled by, by namespace and name; undefined where there is none of that name. */
export interface Scales {
  replicaSet(key: string): ReplicaSet | undefined;
  deployment(key: string): Deployment | undefined;
  statefulSet(key: string): StatefulSet | undefined;
}

/** A budget as its pods are, and what has to be told of it. */
export interface Assessment {
  readonly status: DisruptionStatus;
  /** Milliseconds until the status is another one if nothing happens. */
  readonly recheck?: number;
  /** Why the number of pods that there should be is not known. */
  readonly failure?: string;
  /** Pods that nobody would replace, which a share of the pods cannot count. */
  readonly unmanaged: readonly Pod[];
}

/** Assesses a budget with the pods that it selects, the ones being deleted too; `now` is in milliseconds. */
export function assess(
  budget: PodDisruptionBudget,
  pods: readonly Pod[],
  scales: Scales,
  now: number,
): Assessment {
  const { status: before, metadata } = budget;
  const managed = pods.filter((pod) => controllerOf(pod) !== undefined);
  const expected = expectedPods(budget, pods, managed, scales);
  const unmanaged = expected.isScale ? pods.filter((pod) => !managed.includes(pod)) : [];
  if (expected.failure !== undefined) {
    const { failure: message } = expected;
    const status = withAllowance({ ...NONE, ...before, disruptionsAllowed: 0 }, new Date(now), { message });
    return { status, failure: message, unmanaged };
  }
  const { disruptedPods, recheck } = stillAwaited(before?.disruptedPods ?? {}, pods, now);
  const { count, desiredHealthy } = expected;
  const currentHealthy = pods.filter((pod) => isHealthy(pod, disruptedPods)).length;
  const spare = count > 0 ? Math.max(0, currentHealthy - desiredHealthy) : 0;
  const counts = { disruptionsAllowed: spare, currentHealthy, desiredHealthy, expectedPods: count };
  const status = {
    ...{ observedGeneration: metadata.generation ?? 0, ...counts, disruptedPods },
    ...(before?.conditions === undefined ? {} : { conditions: before.conditions }),
  };
  const assessed = withAllowance(status, new Date(now));
  return { status: assessed, unmanaged, ...(recheck === undefined ? {} : { recheck }) };
}

const NONE: DisruptionStatus = {
  disruptionsAllowed: 0,
  currentHealthy: 0,
  desiredHealthy: 0,
  expectedPods: 0,
};

interface Expected {
  readonly count: number;
  readonly desiredHealthy: number;
  /** It is counted by what scales the pods, not by the pods. */
  readonly isScale: boolean;
  readonly failure?: string;
}

/** A number to be available is one of whatever pods there are; all else is a share of what there should be. */
function expectedPods(
  { spec: { minAvailable, maxUnavailable } }: PodDisruptionBudget,
  pods: readonly Pod[],
  managed: readonly Pod[],
  scales: Scales,
): Expected {
  if (maxUnavailable === undefined && typeof minAvailable !== "string") {
    const count = minAvailable === undefined ? 0 : pods.length;
    return { count, desiredHealthy: minAvailable ?? 0, isScale: false };
  }
  const scale = scaleOf(managed, scales);
  if (typeof scale === "string") return { count: 0, desiredHealthy: 0, isScale: true, failure: scale };
  const desiredHealthy =
    maxUnavailable === undefined
      ? resolveCount(minAvailable, scale, true)
      : Math.max(0, scale - resolveCount(maxUnavailable, scale, true));
  return { count: scale, desiredHealthy, isScale: true };
}

/** The sum of what scales the pods, each once; or why it is not known. */
function scaleOf(pods: readonly Pod[], scales: Scales): number | string {
  const counted = new Map<string, number>();
  for (const pod of pods) {
    const { kind, name } = controllerOf(pod)!;
    const namespace = pod.metadata.namespace ?? "";
    if (kind === "DaemonSet") return "daemonsets.apps does not implement the scale subresource";
    if (kind === "Job") return "jobs.batch does not implement the scale subresource";
    const key = `${namespace}/${name}`;
    const set =
      kind === "StatefulSet" ? scales.statefulSet(key) : kind === "ReplicaSet" && scales.replicaSet(key);
    if (!set) return `found no controllers for pod ${JSON.stringify(pod.metadata.name)}`;
    const above = controllerOf(set);
    const deployment =
      above?.kind === "Deployment" ? scales.deployment(`${namespace}/${above.name}`) : undefined;
    const scaled = deployment ?? set;
    counted.set(scaled.metadata.uid ?? "", scaled.spec.replicas ?? 0);
  }
  return [...counted.values()].reduce((sum, count) => sum + count, 0);
}

/** Granted evictions whose pod is there and not yet being deleted, and when the first of them is given up. */
function stillAwaited(
  granted: Readonly<Record<string, string>>,
  pods: readonly Pod[],
  now: number,
): { disruptedPods: Record<string, string>; recheck?: number } {
  const awaited = pods
    .filter(({ metadata }) => metadata.deletionTimestamp === undefined)
    .flatMap(({ metadata: { name } }): [string, string][] => {
      const time = Object.hasOwn(granted, name) ? granted[name] : undefined;
      return time === undefined || Date.parse(time) + DELETION_TIMEOUT <= now ? [] : [[name, time]];
    });
  const disruptedPods = Object.fromEntries(awaited);
  if (awaited.length === 0) return { disruptedPods };
  const first = Math.min(...awaited.map(([, time]) => Date.parse(time)));
  return { disruptedPods, recheck: first + DELETION_TIMEOUT - now };
}

function isHealthy(pod: Pod, disrupted: Readonly<Record<string, string>>): boolean {
  const { deletionTimestamp, name } = pod.metadata;
  return deletionTimestamp === undefined && !Object.hasOwn(disrupted, name) && isPodReady(pod);
}
