import type { Kind } from "../../objects/kinds.ts";
import type { KubeObject, OwnerReference } from "../../objects/types.ts";

/** Set by the API server on an object that is to go after its dependants. */
export const FOREGROUND = "foregroundDeletion";
/** Set by the API server on an object that is to leave its dependants behind. */
export const ORPHAN = "orphan";

/** An object that owns or is owned. */
export interface GraphNode {
  readonly kind: Kind;
  readonly object: KubeObject;
}

/** Who owns whom, by uid. */
export class OwnershipGraph {
  readonly #nodes = new Map<string, GraphNode>();
  readonly #dependents = new Map<string, Set<string>>();
  /** Owners that were seen to go and that objects still name. */
  readonly #gone = new Set<string>();

  get(uid: string): GraphNode | undefined {
    return this.#nodes.get(uid);
  }

  /** Takes in an object's present state. */
  put(kind: Kind, object: KubeObject): void {
    const uid = object.metadata.uid ?? "";
    const before = this.#nodes.get(uid);
    this.#nodes.set(uid, { kind, object });
    const owners = object.metadata.ownerReferences ?? [];
    for (const { uid: owner } of before?.object.metadata.ownerReferences ?? []) {
      if (!owners.some((reference) => reference.uid === owner)) this.#unlink(owner, uid);
    }
    for (const { uid: owner } of owners) {
      const dependents = this.#dependents.get(owner) ?? new Set();
      this.#dependents.set(owner, dependents.add(uid));
    }
  }

  /** Takes out an object that is gone. Its dependants still refer to it. */
  remove(object: KubeObject): void {
    const uid = object.metadata.uid ?? "";
    this.forget(object);
    if (this.#dependents.has(uid)) this.#gone.add(uid);
  }

  /** Whether an object is known to be gone: nobody has to ask for it, nor could when its kind went with it. */
  isGone(uid: string): boolean {
    return this.#gone.has(uid);
  }

  /** Takes out an object that nobody watches any longer; it may be there or not. */
  forget(object: KubeObject): void {
    const uid = object.metadata.uid ?? "";
    this.#nodes.delete(uid);
    for (const { uid: owner } of object.metadata.ownerReferences ?? []) this.#unlink(owner, uid);
  }

  /** The objects that name an owner of this uid. */
  dependentsOf(uid: string): GraphNode[] {
    return [...(this.#dependents.get(uid) ?? [])].flatMap((dependent) => this.#nodes.get(dependent) ?? []);
  }

  #unlink(owner: string, dependent: string): void {
    const dependents = this.#dependents.get(owner);
    dependents?.delete(dependent);
    if (dependents === undefined || dependents.size > 0) return;
    this.#dependents.delete(owner);
    this.#gone.delete(owner);
  }
}

/** What is to be done with an object for its owners' sake. */
export type Verdict =
  | { readonly type: "keep" }
  /** Takes references away that lead nowhere. */
  | { readonly type: "unlink"; readonly owners: readonly OwnerReference[] }
  | { readonly type: "delete"; readonly policy: "Background" | "Foreground" | "Orphan" };

/** What is known of an owner: it is there, gone, or there only until its dependants are gone. */
export type OwnerState = "present" | "absent" | "waiting";

/**
 * Judges an object by its owners (pkg/controller/garbagecollector attemptToDeleteItem): it stays while one of
 * them is there, and goes with the last one.
 * @param hasDependents whether other objects name this one as their owner
 */
export function judge(
  object: KubeObject,
  stateOf: (owner: OwnerReference) => OwnerState,
  hasDependents: boolean,
): Verdict {
  const owners = object.metadata.ownerReferences ?? [];
  if (owners.length === 0 || object.metadata.deletionTimestamp !== undefined) return { type: "keep" };
  const present = owners.filter((owner) => stateOf(owner) === "present");
  if (present.length === owners.length) return { type: "keep" };
  if (present.length > 0) return { type: "unlink", owners: present };
  const finalizers = object.metadata.finalizers ?? [];
  if (hasDependents && owners.some((owner) => stateOf(owner) === "waiting")) {
    return { type: "delete", policy: "Foreground" };
  }
  if (finalizers.includes(ORPHAN)) return { type: "delete", policy: "Orphan" };
  if (finalizers.includes(FOREGROUND)) return { type: "delete", policy: "Foreground" };
  return { type: "delete", policy: "Background" };
}

/** Whether an object is being deleted and waits in this way for its dependants. */
export function waitsFor(object: KubeObject, finalizer: string): boolean {
  return (
    object.metadata.deletionTimestamp !== undefined && (object.metadata.finalizers ?? []).includes(finalizer)
  );
}
