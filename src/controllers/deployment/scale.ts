import type { Deployment, ReplicaSet } from "../../objects/types.ts";
import { desiredAnnotation, fencesOf, maximumAnnotation, oldestFirst, replicasOf } from "./replica-sets.ts";

/** A ReplicaSet and the size that it is to have. */
export interface Scaling {
  readonly set: ReplicaSet;
  readonly replicas: number;
}

/** The sum of the sizes that ReplicaSets are to have. */
function totalReplicas(sets: readonly ReplicaSet[]): number {
  return sets.reduce((sum, set) => sum + replicasOf(set), 0);
}

function totalAvailable(sets: readonly ReplicaSet[]): number {
  return sets.reduce((sum, set) => sum + (set.status?.availableReplicas ?? 0), 0);
}

/** Whether the Deployment's size changed since its ReplicaSets were last scaled. */
export function isScalingEvent(deployment: Deployment, sets: readonly ReplicaSet[]): boolean {
  return sets
    .filter((set) => replicasOf(set) > 0)
    .some((set) => {
      const desired = desiredAnnotation(set);
      return desired !== undefined && desired !== replicasOf(deployment);
    });
}

/**
 * Follows a change of the Deployment's size (pkg/controller/deployment/sync.go, scale): the one active
 * ReplicaSet takes it whole; in the middle of a rollout all take their share of it, the largest first. The
 * result has ReplicaSets too whose size stays: they have to be marked with the Deployment's new size.
 */
export function scaleProportionally(
  deployment: Deployment,
  newSet: ReplicaSet | undefined,
  oldSets: readonly ReplicaSet[],
): Scaling[] {
  const all = [...oldSets, ...(newSet ? [newSet] : [])];
  const active = all.filter((set) => replicasOf(set) > 0);
  if (active.length <= 1) {
    const only = active[0] ?? newSet ?? latestOf(oldSets);
    return only === undefined ? [] : [{ set: only, replicas: replicasOf(deployment) }];
  }
  if (newSet !== undefined && isSaturated(deployment, newSet)) {
    return oldSets.map((set) => ({ set, replicas: 0 }));
  }
  if (deployment.spec.strategy?.type === "Recreate") return [];
  const allowed = replicasOf(deployment) === 0 ? 0 : replicasOf(deployment) + fencesOf(deployment).maxSurge;
  return shares(deployment, active, allowed - totalReplicas(active));
}

function latestOf(sets: readonly ReplicaSet[]): ReplicaSet | undefined {
  return oldestFirst(sets).at(-1);
}

function isSaturated(deployment: Deployment, set: ReplicaSet): boolean {
  const wanted = replicasOf(deployment);
  return (
    replicasOf(set) === wanted &&
    desiredAnnotation(set) === wanted &&
    (set.status?.availableReplicas ?? 0) === wanted
  );
}

function shares(deployment: Deployment, active: readonly ReplicaSet[], toAdd: number): Scaling[] {
  const newerFirst = toAdd > 0;
  const ordered = oldestFirst(active).sort((a, b) => replicasOf(b) - replicasOf(a));
  if (newerFirst) ordered.sort((a, b) => replicasOf(b) - replicasOf(a) || (isNewer(a, b) ? -1 : 1));
  let added = 0;
  const sizes = ordered.map((set) => {
    const share = toAdd === 0 ? 0 : shareOf(deployment, set, toAdd, added);
    added += share;
    return { set, replicas: replicasOf(set) + share };
  });
  // What rounding left over goes to the largest.
  const first = sizes[0];
  if (first !== undefined && toAdd !== 0) first.replicas = Math.max(0, first.replicas + toAdd - added);
  return sizes;
}

function isNewer(a: ReplicaSet, b: ReplicaSet): boolean {
  return (a.metadata.creationTimestamp ?? "") > (b.metadata.creationTimestamp ?? "");
}

function shareOf(deployment: Deployment, set: ReplicaSet, toAdd: number, added: number): number {
  const size = replicasOf(set);
  if (size === 0) return 0;
  const allowed = toAdd - added;
  const annotated = maximumAnnotation(set) ?? (deployment.status?.replicas || totalReplicas([set]));
  const target = replicasOf(deployment) === 0 ? 0 : replicasOf(deployment) + fencesOf(deployment).maxSurge;
  const share = Math.round((size * target) / annotated) - size;
  return toAdd > 0 ? Math.min(share, allowed) : Math.max(share, allowed);
}

/**
 * One step of a rolling update: the new ReplicaSet grows as far as the surge allows; failing that, old ones
 * shrink.
 */
export function rollingStep(
  deployment: Deployment,
  newSet: ReplicaSet,
  oldSets: readonly ReplicaSet[],
): Scaling[] {
  const growth = changes([{ set: newSet, replicas: sizeOfNew(deployment, newSet, oldSets) }]);
  return growth.length > 0 ? growth : shrinkOld(deployment, newSet, oldSets);
}

/** The size of the new ReplicaSet at this point of a rollout (NewRSNewReplicas). */
export function sizeOfNew(
  deployment: Deployment,
  newSet: ReplicaSet | undefined,
  oldSets: readonly ReplicaSet[],
): number {
  const wanted = replicasOf(deployment);
  if (deployment.spec.strategy?.type === "Recreate") return wanted;
  const size = newSet === undefined ? 0 : replicasOf(newSet);
  if (size >= wanted) return wanted;
  const room = wanted + fencesOf(deployment).maxSurge - totalReplicas(oldSets) - size;
  return room <= 0 ? size : size + Math.min(room, wanted - size);
}

function shrinkOld(deployment: Deployment, newSet: ReplicaSet, oldSets: readonly ReplicaSet[]): Scaling[] {
  const all = [...oldSets, newSet];
  const minimum = replicasOf(deployment) - fencesOf(deployment).maxUnavailable;
  const lackingOfNew = replicasOf(newSet) - (newSet.status?.availableReplicas ?? 0);
  let removable = totalReplicas(all) - minimum - lackingOfNew;
  if (removable <= 0) return [];
  const sizes = new Map(oldestFirst(oldSets).map((set) => [set, replicasOf(set)]));
  // Pods that serve nobody go first.
  for (const [set, size] of sizes) {
    const removed = Math.min(removable, size, Math.max(0, size - (set.status?.availableReplicas ?? 0)));
    sizes.set(set, size - removed);
    removable -= removed;
  }
  let spare = totalAvailable(all) - minimum;
  for (const [set, size] of sizes) {
    const removed = Math.max(0, Math.min(spare, size));
    sizes.set(set, size - removed);
    spare -= removed;
  }
  return changes([...sizes].map(([set, replicas]) => ({ set, replicas })));
}

/** The scalings that change something. */
function changes(scalings: readonly Scaling[]): Scaling[] {
  return scalings.filter(({ set, replicas }) => replicasOf(set) !== replicas);
}

/** Old ReplicaSets without pods beyond the history that the Deployment keeps. */
export function beyondHistory(deployment: Deployment, oldSets: readonly ReplicaSet[]): ReplicaSet[] {
  const idle = oldSets.filter(
    (set) =>
      replicasOf(set) === 0 &&
      (set.status?.replicas ?? 0) === 0 &&
      (set.metadata.generation ?? 0) <= (set.status?.observedGeneration ?? 0) &&
      set.metadata.deletionTimestamp === undefined,
  );
  const surplus = oldSets.length - (deployment.spec.revisionHistoryLimit ?? 10);
  return surplus <= 0 ? [] : oldestFirst(idle).slice(0, surplus);
}
