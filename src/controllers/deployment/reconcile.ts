import type { Deployment, Pod, ReplicaSet } from "../../objects/types.ts";
import { sameValue } from "../runtime/equal.ts";
import { controllerOf } from "../runtime/owners.ts";
import { isPodTerminal } from "../runtime/pods.ts";
import { annotationsFor, findNewSet, newReplicaSet, replicasOf, revisionOf } from "./replica-sets.ts";
import {
  beyondHistory,
  isScalingEvent,
  rollingStep,
  type Scaling,
  scaleProportionally,
  sizeOfNew,
} from "./scale.ts";
import { deploymentStatus, isComplete } from "./status.ts";

/** What one sync of a Deployment does. */
export interface DeploymentPlan {
  readonly newSet?: ReplicaSet;
  readonly oldSets: readonly ReplicaSet[];
  /** A ReplicaSet to create for the present template. */
  readonly create?: ReplicaSet;
  /** The new ReplicaSet with annotations or minReadySeconds brought up to date. */
  readonly update?: ReplicaSet;
  readonly scale: readonly Scaling[];
  /** ReplicaSets beyond the history. */
  readonly delete: readonly ReplicaSet[];
  /** The number of the present template's revision. */
  readonly revision?: number;
}

/**
 * One step of a Deployment (pkg/controller/deployment): the next one follows when ReplicaSets have changed.
 * @param sets the ReplicaSets that it controls
 * @param pods the pods of its namespace, for Recreate, which waits for the old ones to go
 */
export function planDeployment(
  deployment: Deployment,
  sets: readonly ReplicaSet[],
  pods: readonly Pod[],
): DeploymentPlan {
  const newSet = findNewSet(deployment, sets);
  const oldSets = sets.filter((set) => set !== newSet);
  const plan = { ...(newSet ? { newSet } : {}), oldSets, scale: [], delete: [] };
  if (deployment.metadata.deletionTimestamp !== undefined) return plan;
  const revision = Math.max(0, ...oldSets.map(revisionOf)) + 1;
  if (deployment.spec.paused === true || isScalingEvent(deployment, sets)) {
    return { ...plan, scale: scaleProportionally(deployment, newSet, oldSets) };
  }
  if (deployment.spec.strategy?.type === "Recreate") {
    const active = oldSets.filter((set) => replicasOf(set) > 0);
    if (active.length > 0) return { ...plan, scale: active.map((set) => ({ set, replicas: 0 })) };
    if (arePodsLeft(oldSets, pods)) return plan;
  }
  if (newSet === undefined) {
    const collisions = (deployment.status as { collisionCount?: number } | undefined)?.collisionCount ?? 0;
    const create = newReplicaSet(deployment, sizeOfNew(deployment, undefined, oldSets), revision, collisions);
    return { ...plan, create, revision };
  }
  const current = Math.max(revision, revisionOf(newSet));
  return { ...plan, ...planExisting(deployment, newSet, oldSets, current), revision: current };
}

function planExisting(
  deployment: Deployment,
  newSet: ReplicaSet,
  oldSets: readonly ReplicaSet[],
  revision: number,
): Partial<DeploymentPlan> {
  const annotations = annotationsFor(deployment, newSet, revision);
  const minReadySeconds = deployment.spec.minReadySeconds ?? 0;
  if (
    !sameValue(annotations, newSet.metadata.annotations) ||
    minReadySeconds !== (newSet.spec.minReadySeconds ?? 0)
  ) {
    const spec = { ...newSet.spec, minReadySeconds };
    return { update: { ...newSet, metadata: { ...newSet.metadata, annotations }, spec } };
  }
  const scale = rollingStep(deployment, newSet, oldSets);
  const { status } = deploymentStatus(deployment, newSet, oldSets, 0);
  return { scale, delete: isComplete(deployment, status) ? beyondHistory(deployment, oldSets) : [] };
}

function arePodsLeft(oldSets: readonly ReplicaSet[], pods: readonly Pod[]): boolean {
  const uids = new Set(oldSets.map(({ metadata }) => metadata.uid));
  return pods.some((pod) => uids.has(controllerOf(pod)?.uid) && !isPodTerminal(pod));
}
