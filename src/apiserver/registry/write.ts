import {
  createsOnUpdate,
  fillSystemMetadata,
  generateName,
  keepTimesIfUnchanged,
  sameObject,
  takesUnconditionalUpdates,
} from "../../objects/index.ts";
import type { Kind } from "../../objects/kinds.ts";
import { alreadyExists, conflict, invalidObject, notFound, OBJECT_MODIFIED } from "../../objects/status.ts";
import type { AnyObject } from "../../objects/types.ts";
import type { Entry, Transaction } from "../../store/contract.ts";
import type { ApiContext } from "../context.ts";
import { encodeObject, encodeUnstored } from "./encoding.ts";
import { decodeStored } from "../crd/versions.ts";
import { recordOwner } from "./fields.ts";
import { keyOf } from "./keys.ts";
import { requireLiveNamespace } from "./namespaces.ts";
import { strategyOf, type WriteScope } from "./strategy.ts";

/** What a write came to: the object's text and warnings for the client. */
export interface Written {
  readonly text: string;
  readonly warnings: readonly string[];
  readonly created: boolean;
  /** The update removed the last finalizer of an object being deleted: it is gone. */
  readonly deleted?: boolean;
}

/** Where an object is, and whether the write is only tried. */
export interface Place {
  readonly kind: Kind;
  readonly namespace: string | undefined;
  readonly name: string;
  readonly dryRun: boolean;
  /** Who writes; nobody is recorded when left out. */
  readonly manager?: string;
}

/**
 * Creates an object that was decoded, named and defaulted, and belongs to the caller. Durable when it resolves.
 * @throws ApiError
 */
export function createObject(
  context: ApiContext,
  place: Omit<Place, "name">,
  object: AnyObject,
): Promise<Written> {
  return context.store.transact((tx) => createIn(context, tx, place, object));
}

/** {@link createObject} inside a transaction. */
export function createIn(
  context: ApiContext,
  tx: Transaction<string>,
  { kind, namespace, dryRun, manager }: Omit<Place, "name">,
  object: AnyObject,
): Written {
  const subject = { group: kind.group, kind: kind.plural };
  const isNamed = Boolean(object.metadata.name);
  fillSystemMetadata(object, { now: context.now() });
  if (!isNamed) avoidTakenNames(tx, kind, namespace, object);
  if (kind.namespaced) requireLiveNamespace(tx, kind, namespace ?? "", object.metadata.name ?? "");
  if (manager !== undefined) recordOwner(kind, undefined, object, { manager, now: context.now() });
  const key = keyOf(kind, namespace, object.metadata.name);
  const scope: WriteScope = { context, tx, kind, dryRun };
  // as in the real registry, allocation comes first: a taken address is told before a taken name; throwing undoes it
  const warnings = strategyOf(kind).create(scope, object);
  if (tx.get(key) !== undefined) throw alreadyExists(subject, object.metadata.name);
  delete object.metadata.resourceVersion;
  const text = dryRun ? encodeUnstored(kind, object) : encodeObject(kind, object, tx.revision);
  if (!dryRun) tx.put(key, text);
  return { text, warnings, created: true };
}

/** How often another name is made when a generated one is taken (registry/generic's maxNameGenerationCreateAttempts). */
const NAME_ATTEMPTS = 8;

function avoidTakenNames(
  tx: Transaction<string>,
  kind: Kind,
  namespace: string | undefined,
  { metadata }: AnyObject,
): void {
  for (let attempt = 1; attempt < NAME_ATTEMPTS && metadata.generateName; attempt++) {
    if (tx.get(keyOf(kind, namespace, metadata.name)) === undefined) return;
    metadata.name = generateName(metadata.generateName);
  }
}

/** Makes the next state of an object from the stored one (a copy of its own); undefined when it does not exist. */
export type Produce = (stored: AnyObject | undefined) => Produced;

/** The next state of an object. */
export interface Produced {
  readonly object: AnyObject;
  readonly warnings: readonly string[];
  /** Its managedFields are right already. */
  readonly ownersKnown?: boolean;
}

/** How an update is to be done. */
export interface UpdatePlace extends Place {
  readonly subresource?: string;
  /** Whether a missing object is created: if its kind's PUT does, or in any case. */
  readonly creates?: "as its kind says" | "always";
}

/**
 * Updates an object, or one of its subresources. Durable when it resolves.
 * @throws ApiError 404, 409 when its resourceVersion or uid is another, 422
 */
export function updateObject(context: ApiContext, place: UpdatePlace, produce: Produce): Promise<Written> {
  return context.store.transact((tx) => {
    const { kind, namespace, name } = place;
    const entry = tx.get(keyOf(kind, namespace, name));
    if (entry === undefined) return createMissing(context, tx, place, produce);
    const stored = decodeStored(kind, entry.value);
    const { object: next, warnings, ownersKnown } = produce(decodeStored(kind, entry.value));
    requireCurrent(kind, next, stored);
    if (place.manager !== undefined && ownersKnown !== true) {
      const { manager, subresource } = place;
      recordOwner(kind, stored, next, { manager, subresource, now: context.now() });
    }
    const scope: WriteScope = { context, tx, kind, dryRun: place.dryRun };
    const more = strategyOf(kind).update(scope, next, stored, place.subresource);
    keepTimesIfUnchanged(next, stored);
    return { ...store(scope, entry, next, stored), warnings: [...warnings, ...more] };
  });
}

function createMissing(
  context: ApiContext,
  tx: Transaction<string>,
  place: UpdatePlace,
  produce: Produce,
): Written {
  const { kind, name } = place;
  const missing = notFound({ group: kind.group, kind: kind.plural }, name);
  const creates = place.creates === "always" || (place.creates !== undefined && createsOnUpdate(kind));
  if (!creates || place.subresource !== undefined) throw missing;
  const { object, warnings, ownersKnown } = produce(undefined);
  const version = object.metadata.resourceVersion ?? "";
  if (version !== "" && version !== "0") throw missing;
  const { manager: _manager, ...unrecorded } = place;
  const written = createIn(context, tx, ownersKnown === true ? unrecorded : place, object);
  return { ...written, warnings: [...warnings, ...written.warnings] };
}

function store(
  { context, tx, kind, dryRun }: WriteScope,
  entry: Entry<string>,
  next: AnyObject,
  stored: AnyObject,
): Written {
  next.metadata.resourceVersion = stored.metadata.resourceVersion!;
  if (isReleased(next)) {
    if (!dryRun) deleteIn({ context, tx, kind, dryRun }, entry.key, next);
    return { text: encodeObject(kind, next, tx.revision), warnings: [], created: false, deleted: true };
  }
  if (sameObject(next, stored)) return { text: entry.value, warnings: [], created: false };
  if (dryRun) return { text: encodeUnstored(kind, next), warnings: [], created: false };
  const text = encodeObject(kind, next, tx.revision);
  tx.put(entry.key, text);
  return { text, warnings: [], created: false };
}

/** Removes an object for good, with what was allocated for it. */
export function deleteIn(scope: WriteScope, key: string, object: AnyObject): void {
  scope.tx.delete(key);
  strategyOf(scope.kind).deleted?.(scope, object);
}

/** Whether an object that is being deleted has nothing left that holds it (registry/generic's ShouldDeleteDuringUpdate). */
function isReleased({ metadata, spec }: AnyObject): boolean {
  if (metadata.deletionTimestamp === undefined || (metadata.finalizers?.length ?? 0) > 0) return false;
  if ((metadata.deletionGracePeriodSeconds ?? 0) > 0) return false;
  return !isNamespaceHeld(spec);
}

/** A namespace is held by spec.finalizers too. */
function isNamespaceHeld(spec: { finalizers?: unknown[] } | undefined): boolean {
  return (spec?.finalizers?.length ?? 0) > 0;
}

function requireCurrent(kind: Kind, next: AnyObject, stored: AnyObject): void {
  const subject = { group: kind.group, kind: kind.plural };
  const { name, resourceVersion, uid } = next.metadata;
  if (uid !== undefined && uid !== "" && uid !== stored.metadata.uid) {
    const why = `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${stored.metadata.uid}`;
    throw conflict(subject, name, why);
  }
  const asked = resourceVersion ?? "";
  if (asked === "" || asked === "0") {
    if (takesUnconditionalUpdates(kind)) return;
    const message = "Invalid value: 0: must be specified for an update";
    const error = { field: "metadata.resourceVersion", reason: "FieldValueInvalid", message } as const;
    throw invalidObject({ group: kind.group, kind: kind.kind }, name, [error]);
  }
  if (asked !== stored.metadata.resourceVersion) throw conflict(subject, name, OBJECT_MODIFIED);
}
