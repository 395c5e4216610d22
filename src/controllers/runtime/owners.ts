import { apiVersionOf, type Kind } from "../../objects/kinds.ts";
import type { KubeObject, LabelSelector, OwnerReference } from "../../objects/types.ts";
import { matchesSelector } from "./labels.ts";

/** The reference by which an object is its owner's to control. */
export function controllerReference(kind: Kind, owner: KubeObject): OwnerReference {
  return {
    apiVersion: apiVersionOf(kind),
    kind: kind.kind,
    name: owner.metadata.name,
    uid: owner.metadata.uid ?? "",
    controller: true,
    blockOwnerDeletion: true,
  };
}

/** The controller of an object, if it has one. */
export function controllerOf(object: KubeObject): OwnerReference | undefined {
  return object.metadata.ownerReferences?.find((reference) => reference.controller === true);
}

/**
 * What a controller has to do with candidates: `owned` are its own, with those it adopts; `released` no
 * longer match.
 */
export interface Claim<T> {
  readonly owned: T[];
  readonly adopted: T[];
  readonly released: T[];
}

/**
 * Sorts out which objects belong to an owner (pkg/controller/controller_ref_manager.go): those it controls
 * and that match its selector, and orphans that match, which it adopts; what it controls but no longer
 * matches is let go. An owner that is being deleted neither adopts nor releases.
 */
export function claim<T extends KubeObject>(
  owner: KubeObject,
  selector: LabelSelector,
  candidates: readonly T[],
): Claim<T> {
  const result: Claim<T> = { owned: [], adopted: [], released: [] };
  const leaving = owner.metadata.deletionTimestamp !== undefined;
  for (const object of candidates) {
    const controller = controllerOf(object);
    const matches = matchesSelector(selector, object.metadata.labels);
    if (controller?.uid === owner.metadata.uid) {
      if (matches || leaving) result.owned.push(object);
      else result.released.push(object);
    } else if (controller === undefined && matches && !leaving && !object.metadata.deletionTimestamp) {
      result.owned.push(object);
      result.adopted.push(object);
    }
  }
  return result;
}

/** The merge patch that adds a controller; the uid keeps it from meeting another object of the name. */
export function adoptPatch(object: KubeObject, reference: OwnerReference): unknown {
  const others = object.metadata.ownerReferences ?? [];
  return { metadata: { uid: object.metadata.uid, ownerReferences: [...others, reference] } };
}

/** The merge patch that takes an owner away. */
export function releasePatch(object: KubeObject, ownerUid: string | undefined): unknown {
  const others = (object.metadata.ownerReferences ?? []).filter(({ uid }) => uid !== ownerUid);
  return { metadata: { uid: object.metadata.uid, ownerReferences: others.length > 0 ? others : null } };
}
