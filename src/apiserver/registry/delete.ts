import { formatTime } from "../../objects/time.ts";
import type { Kind } from "../../objects/kinds.ts";
import { conflict, notFound } from "../../objects/status.ts";
import type { AnyObject } from "../../objects/types.ts";
import type { Transaction } from "../../store/contract.ts";
import type { ApiContext } from "../context.ts";
import { decodeStored } from "../crd/versions.ts";
import type { DeleteOptions } from "../rest/delete-options.ts";
import { encodeObject } from "./encoding.ts";
import { keyOf } from "./keys.ts";
import { refuseImmortal } from "./namespaces.ts";
import { strategyOf } from "./strategy.ts";
import { deleteIn } from "./write.ts";

/** What a deletion came to: the object's last or new text, and whether it is gone. */
export interface Deleted {
  readonly text: string;
  readonly uid: string;
  readonly gone: boolean;
}

/**
 * Deletes an object, or marks it as being deleted where finalizers or a grace period hold it. Durable when it resolves.
 * @throws ApiError 404, 403, or 409 when a precondition does not hold
 */
export function deleteObject(
  context: ApiContext,
  place: { readonly kind: Kind; readonly namespace: string | undefined; readonly name: string },
  options: DeleteOptions,
): Promise<Deleted> {
  return context.store.transact((tx) => deleteOne(context, tx, place, options));
}

/** {@link deleteObject} inside a transaction. */
export function deleteOne(
  context: ApiContext,
  tx: Transaction<string>,
  { kind, namespace, name }: { kind: Kind; namespace: string | undefined; name: string },
  options: DeleteOptions,
): Deleted {
  refuseImmortal(kind, name);
  const key = keyOf(kind, namespace, name);
  const entry = tx.get(key);
  if (entry === undefined) throw notFound({ group: kind.group, kind: kind.plural }, name);
  const object = decodeStored(kind, entry.value);
  requirePreconditions(kind, object, options);
  const uid = object.metadata.uid ?? "";
  if (kind.kind === "Namespace" && kind.group === "")
    return deleteNamespace(context, tx, kind, object, options, entry.value);
  const grace = gracePeriod(kind, object, options);
  strategyOf(kind).deleting?.({ context, tx, kind, dryRun: options.dryRun }, object);
  const finalizers = finalizersFor(kind, object, options);
  if (grace === 0 && finalizers.length === 0) {
    if (!options.dryRun) deleteIn({ context, tx, kind, dryRun: false }, key, object);
    return { text: entry.value, uid, gone: true };
  }
  const marked = mark(object, context.now(), grace, finalizers);
  if (!marked) return { text: entry.value, uid, gone: false };
  const text = encodeObject(kind, object, tx.revision);
  if (!options.dryRun) tx.put(key, text);
  return { text, uid, gone: false };
}

function requirePreconditions(kind: Kind, { metadata }: AnyObject, { preconditions }: DeleteOptions): void {
  const subject = { group: kind.group, kind: kind.kind };
  const { uid, resourceVersion } = preconditions;
  if (uid !== undefined && uid !== metadata.uid) {
    const why =
      `the UID in the precondition (${uid}) does not match the UID in record (${metadata.uid}). ` +
      "The object might have been deleted and then recreated";
    throw conflict(subject, metadata.name, why);
  }
  if (resourceVersion !== undefined && resourceVersion !== metadata.resourceVersion) {
    const why =
      `the ResourceVersion in the precondition (${resourceVersion}) does not match the ResourceVersion ` +
      `in record (${metadata.resourceVersion}). The object might have been modified`;
    throw conflict(subject, metadata.name, why);
  }
}

/** Seconds until the object goes. Only pods go slowly, and those without a node or at their end at once (podStrategy). */
function gracePeriod(kind: Kind, { spec, status }: AnyObject, { gracePeriodSeconds }: DeleteOptions): number {
  if (kind.kind !== "Pod" || kind.group !== "") return 0;
  if ((spec?.nodeName ?? "") === "" || status?.phase === "Failed" || status?.phase === "Succeeded") return 0;
  const period = gracePeriodSeconds ?? spec?.terminationGracePeriodSeconds ?? 30;
  return period < 0 ? 1 : period;
}

/** The finalizers that the way of deletion adds for the garbage collector, or takes away (registry/generic/store.go). */
function finalizersFor(kind: Kind, { metadata }: AnyObject, { propagation }: DeleteOptions): string[] {
  const others = (metadata.finalizers ?? []).filter(
    (name) => name !== "orphan" && name !== "foregroundDeletion",
  );
  if (propagation === "Foreground") return [...others, "foregroundDeletion"];
  if (propagation === "Orphan") return [...others, "orphan"];
  if (propagation === "Background") return others;
  const stays = keepsDependents(kind) && others.length === (metadata.finalizers ?? []).length;
  return stays ? [...others, "orphan"] : [...(metadata.finalizers ?? [])];
}

/** Whether dependents stay where a deletion does not say: those of Jobs, for compatibility (jobStrategy). */
export function keepsDependents({ group, kind }: Kind): boolean {
  return group === "batch" && kind === "Job";
}

/** Marks an object as being deleted; false when that changes nothing. A running grace period can only be shortened. */
function mark({ metadata }: AnyObject, now: Date, grace: number, finalizers: string[]): boolean {
  const before = metadata.finalizers ?? [];
  const sameFinalizers =
    before.length === finalizers.length && before.every((name, at) => finalizers[at] === name);
  if (finalizers.length > 0) metadata.finalizers = finalizers;
  else delete metadata.finalizers;
  const running =
    metadata.deletionTimestamp === undefined ? undefined : (metadata.deletionGracePeriodSeconds ?? 0);
  if (running !== undefined && grace >= running) return !sameFinalizers;
  metadata.deletionTimestamp = formatTime(new Date(now.getTime() + grace * 1000));
  metadata.deletionGracePeriodSeconds = grace;
  if (running === undefined && (metadata.generation ?? 0) > 0) metadata.generation = metadata.generation! + 1;
  return true;
}

/** A namespace is Terminating until the namespace controller has emptied it and taken `kubernetes` from spec.finalizers. */
function deleteNamespace(
  context: ApiContext,
  tx: Transaction<string>,
  kind: Kind,
  object: AnyObject,
  options: DeleteOptions,
  stored: string,
): Deleted {
  const uid = object.metadata.uid ?? "";
  const { name } = object.metadata;
  const held = (object["spec"]?.finalizers?.length ?? 0) > 0 || (object.metadata.finalizers?.length ?? 0) > 0;
  if (!held) {
    if (!options.dryRun) deleteIn({ context, tx, kind, dryRun: false }, keyOf(kind, undefined, name), object);
    return { text: stored, uid, gone: true };
  }
  if (object.metadata.deletionTimestamp !== undefined) {
    throw conflict({ group: "", kind: "namespaces" }, name, NAMESPACE_GOING);
  }
  object.metadata.deletionTimestamp = formatTime(context.now());
  object["status"] = { ...object["status"], phase: "Terminating" };
  const finalizers = finalizersFor(kind, object, options);
  if (finalizers.length > 0) object.metadata.finalizers = finalizers;
  const text = encodeObject(kind, object, tx.revision);
  if (!options.dryRun) tx.put(keyOf(kind, undefined, name), text);
  return { text, uid, gone: false };
}

const NAMESPACE_GOING =
  "The system is ensuring all content is removed from this namespace.  " +
  "Upon completion, this namespace will automatically be purged by the system.";
