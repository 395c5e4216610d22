import type { Informer } from "../../client/index.ts";
import { type Kind, objectKey } from "../../objects/kinds.ts";
import type { KubeObject, LabelSelector } from "../../objects/types.ts";
import { matchesSelector } from "./labels.ts";
import { adoptPatch, type Claim, claim, controllerOf, controllerReference, releasePatch } from "./owners.ts";
import type { WorkQueue } from "./work-queue.ts";
import type { Writer } from "./writer.ts";

/** An owner that knows its dependents by their labels: a Deployment, a ReplicaSet, a DaemonSet, a StatefulSet, a Job. */
export interface SelectingOwner extends KubeObject {
  readonly spec: { readonly selector: LabelSelector };
}

/** Has an owner's queue look at every owner that a change of a dependent concerns: before, after, or as an orphan's. */
export function followDependents<O extends SelectingOwner, T extends KubeObject>(
  queue: WorkQueue,
  kind: Kind,
  owners: Informer<O>,
  dependents: Informer<T>,
): void {
  dependents.onChange(({ object, previous }) => {
    for (const owner of new Set([controllerOf(object), previous && controllerOf(previous)])) {
      if (owner?.kind === kind.kind) queue.add(`${object.metadata.namespace}/${owner.name}`);
    }
    if (controllerOf(object) !== undefined) return;
    for (const owner of owners.list(object.metadata.namespace ?? "")) {
      if (matchesSelector(owner.spec.selector, object.metadata.labels)) queue.add(objectKey(owner));
    }
  });
}

/** Sorts out an owner's dependents ({@link claim}) and writes what that changes: adopts orphans, releases strangers. */
export async function claimDependents<T extends KubeObject>(
  writer: Writer,
  [ownerKind, owner]: readonly [Kind, SelectingOwner],
  [kind, candidates]: readonly [Kind, readonly T[]],
): Promise<Claim<T>> {
  const claimed = claim(owner, owner.spec.selector, candidates);
  const reference = controllerReference(ownerKind, owner);
  await Promise.all([
    ...claimed.adopted.map((object) => writer.patch(kind, object, adoptPatch(object, reference))),
    ...claimed.released.map((object) => writer.patch(kind, object, releasePatch(object, owner.metadata.uid))),
  ]);
  return claimed;
}
