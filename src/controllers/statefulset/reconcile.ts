import type { StatefulSet, StatefulSetStatus } from "../../objects/statefulset/types.ts";
import type { Pod } from "../../objects/types.ts";
import { resolveCount } from "../runtime/pod-template.ts";
import { isPodReady, isPodTerminal, untilAvailable } from "../runtime/pods.ts";
import { firstOrdinal, identityPatch, ordinalOf, podOf, revisionOf } from "./identity.ts";
import type { Revisions } from "./revisions.ts";

/** What one sync of a StatefulSet does; the next one follows when pods have changed. */
export interface StatefulPlan {
  readonly create: readonly Omit<Pod, "apiVersion" | "kind">[];
  readonly delete: readonly Pod[];
  /** Pods that lack labels of their identity, with the merge patch that adds them. */
  readonly relabel: readonly { readonly pod: Pod; readonly patch: unknown }[];
  readonly status: StatefulSetStatus;
  /** Milliseconds until a pod becomes available by waiting alone. */
  readonly recheck?: number;
}

/**
 * One step of a StatefulSet (pkg/controller/statefulset updateStatefulSet): OrderedReady makes one pod after the other,
 * in the order of their numbers, and takes them away the other way round; Parallel all at once. A rolling update replaces
 * pods from the highest number down to the partition.
 * @param pods the pods that it controls
 */
export function planStatefulSet(
  set: StatefulSet,
  revisions: Revisions,
  pods: readonly Pod[],
  now: number,
): StatefulPlan {
  const step = new Step(set, revisions, pods, now);
  if (set.metadata.deletionTimestamp === undefined) step.take();
  const { create, remove, relabel } = step;
  return { create, delete: remove, relabel, ...statusOf(set, revisions, pods, now) };
}

class Step {
  readonly create: Omit<Pod, "apiVersion" | "kind">[] = [];
  readonly remove: Pod[] = [];
  readonly relabel: { pod: Pod; patch: unknown }[] = [];
  readonly #set: StatefulSet;
  readonly #revisions: Revisions;
  readonly #now: number;
  /** By number, from the first one on; undefined where there is no pod. */
  readonly #replicas: readonly (Pod | undefined)[];
  /** Beyond the numbers wanted, the highest first. */
  readonly #condemned: readonly Pod[];
  readonly #isOrdered: boolean;

  constructor(set: StatefulSet, revisions: Revisions, pods: readonly Pod[], now: number) {
    this.#set = set;
    this.#revisions = revisions;
    this.#now = now;
    const start = firstOrdinal(set);
    const byOrdinal = new Map(pods.map((pod) => [ordinalOf(set, pod), pod]));
    byOrdinal.delete(undefined);
    const count = set.spec.replicas ?? 1;
    this.#replicas = Array.from({ length: count }, (_, index) => byOrdinal.get(start + index));
    const wanted = new Set(this.#replicas);
    this.#condemned = [...byOrdinal]
      .sort(([a = 0], [b = 0]) => b - a)
      .flatMap(([, pod]) => (wanted.has(pod) ? [] : [pod]));
    this.#isOrdered = set.spec.podManagementPolicy !== "Parallel";
  }

  take(): void {
    const isSettled = this.#fillUp();
    if (!isSettled && this.#isOrdered) return;
    if (this.#takeAway() && this.#isOrdered) return;
    if (this.#set.spec.updateStrategy?.type !== "OnDelete") this.#roll();
  }

  /** Makes what is missing; whether all wanted pods are there, ready and available. */
  #fillUp(): boolean {
    let isSettled = true;
    for (const [index, pod] of this.#replicas.entries()) {
      const ordinal = firstOrdinal(this.#set) + index;
      if (pod === undefined) this.create.push(this.#newPod(ordinal));
      else if (isPodTerminal(pod)) this.#delete(pod);
      const patch = pod && identityPatch(pod, ordinal);
      if (pod !== undefined && patch !== undefined) this.relabel.push({ pod, patch });
      if (pod !== undefined && !this.#isUnavailable(pod)) continue;
      isSettled = false;
      if (this.#isOrdered) return false;
    }
    return isSettled;
  }

  #newPod(ordinal: number): Omit<Pod, "apiVersion" | "kind"> {
    const { current, update } = this.#revisions;
    return podOf(this.#set, ordinal, this.#staysBehind(ordinal) ? current : update);
  }

  /** Whether the pod of a number is not (yet) to be updated. */
  #staysBehind(ordinal: number): boolean {
    const { updateStrategy, ordinals } = this.#set.spec;
    if (updateStrategy?.type !== "RollingUpdate") return false;
    const kept = updateStrategy.rollingUpdate?.partition ?? this.#set.status?.currentReplicas ?? 0;
    return ordinal < (ordinals?.start ?? 0) + kept;
  }

  /** Takes surplus pods away; whether there are some. */
  #takeAway(): boolean {
    if (!this.#isOrdered) {
      for (const pod of this.#condemned) this.#delete(pod);
      return this.#condemned.length > 0;
    }
    const [highest] = this.#condemned;
    if (highest === undefined) return false;
    const firstUnavailable = this.#condemned.findLast((pod) => this.#isUnavailable(pod));
    if (!this.#isUnavailable(highest) || highest === firstUnavailable) this.#delete(highest);
    return true;
  }

  /** Takes away pods of other revisions, as many as may be unavailable at once. */
  #roll(): void {
    const { rollingUpdate = {} } = this.#set.spec.updateStrategy ?? {};
    const most = Math.max(1, resolveCount(rollingUpdate.maxUnavailable ?? 1, this.#replicas.length, true));
    const lacking = this.#replicas.filter((pod) => pod === undefined || this.#isUnavailable(pod)).length;
    // one at a time: those lacking count as they are met, so that a revision that fails can be replaced
    let spare = most === 1 ? 1 : most - lacking;
    const { update } = this.#revisions;
    const targets = this.#replicas.slice(rollingUpdate.partition ?? 0).reverse();
    for (const pod of targets) {
      if (spare <= 0) return;
      const isOld = pod !== undefined && revisionOf(pod) !== update.metadata.name;
      if (isOld && pod.metadata.deletionTimestamp === undefined) {
        this.#delete(pod);
        spare--;
      } else if (most === 1 && (pod === undefined || this.#isUnavailable(pod))) return;
    }
  }

  #delete(pod: Pod): void {
    if (pod.metadata.deletionTimestamp === undefined && !this.remove.includes(pod)) this.remove.push(pod);
  }

  #isUnavailable(pod: Pod): boolean {
    return (
      pod.metadata.deletionTimestamp !== undefined ||
      !isRunningAndReady(pod) ||
      untilAvailable(pod, this.#set.spec.minReadySeconds ?? 0, this.#now) !== 0
    );
  }
}

function isRunningAndReady(pod: Pod): boolean {
  return pod.status?.phase === "Running" && isPodReady(pod);
}

function statusOf(
  set: StatefulSet,
  { current, update, collisionCount }: Revisions,
  pods: readonly Pod[],
  now: number,
): Pick<StatefulPlan, "status" | "recheck"> {
  const ready = pods.filter(isRunningAndReady);
  const waits = ready.map((pod) => untilAvailable(pod, set.spec.minReadySeconds ?? 0, now) ?? 0);
  const pending = waits.filter((wait) => wait > 0);
  const staying = pods.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
  const madeFrom = (name: string): number => staying.filter((pod) => revisionOf(pod) === name).length;
  const counted: StatefulSetStatus = {
    observedGeneration: set.metadata.generation ?? 0,
    replicas: pods.length,
    readyReplicas: ready.length,
    availableReplicas: ready.length - pending.length,
    currentReplicas: madeFrom(current.metadata.name),
    updatedReplicas: madeFrom(update.metadata.name),
    currentRevision: current.metadata.name,
    updateRevision: update.metadata.name,
    collisionCount,
  };
  const status = { ...counted, ...whenComplete(set, counted) };
  return pending.length === 0 ? { status } : { status, recheck: Math.min(...pending) };
}

/** A rolling update that is through makes the present revision the current one (completeRollingUpdate). */
function whenComplete({ spec }: StatefulSet, status: StatefulSetStatus): Partial<StatefulSetStatus> {
  const { replicas, readyReplicas, updatedReplicas = 0, updateRevision = "" } = status;
  const wanted = spec.replicas ?? 1;
  const isComplete = [replicas, readyReplicas, updatedReplicas].every((count) => count === wanted);
  if (spec.updateStrategy?.type !== "RollingUpdate" || !isComplete) return {};
  return { currentReplicas: updatedReplicas, currentRevision: updateRevision };
}
