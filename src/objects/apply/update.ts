import type { AnyObject } from "../types.ts";
import { capUpdateManagers } from "./cap-managers.ts";
import { isEmpty, union } from "./field-set.ts";
import { ItemError } from "./list-items.ts";
import type { ManagedKind } from "./managed-kind.ts";
import {
  asksForReset,
  identifierOf,
  type ManagedFieldsEntry,
  type ManagerName,
  type Managers,
  readManagers,
  writeManagers,
} from "./managers.ts";
import { FieldsError } from "./path-element.ts";
import { withoutMeta } from "./strip-meta.ts";
import { takeUpdate } from "./updater.ts";

/** A create, an update or a patch other than an apply. */
export interface UpdateRequest {
  /** The stored object; undefined when `next` is created. */
  readonly live: AnyObject | undefined;
  /** The decoded and defaulted object of the request, before the kind's own preparation. */
  readonly next: AnyObject;
  /** {@link managerOf} the request. */
  readonly manager: string;
  /** Empty or absent for the object itself. */
  readonly subresource?: string | undefined;
  /** RFC 3339, seconds. */
  readonly now: string;
}

/**
 * Who owns which fields after a write, as `metadata.managedFields` says it: undefined for an object whose
 * managers are not told. Reads the managers that the request itself names, so that clients can edit them
 * (apimachinery fieldmanager.go, UpdateNoErrors). Changes nothing.
 */
export function managedFieldsAfterUpdate(
  kind: ManagedKind,
  request: UpdateRequest,
): ManagedFieldsEntry[] | undefined {
  const { live, next, subresource = "" } = request;
  const managers = managersOf(live, next, subresource);
  if (managers.size === 0 && (live?.metadata.uid ?? "") !== "") return undefined;
  const before = live === undefined ? kind.empty : withoutManagedFields(live);
  const name: ManagerName = {
    manager: request.manager === "" ? "unknown" : request.manager,
    operation: "Update",
    apiVersion: kind.apiVersion,
    subresource,
  };
  try {
    recordUpdate(kind, before, withoutManagedFields(next), managers, name, request.now);
  } catch (error) {
    // an object whose lists cannot be told apart is stored all the same, without managers
    if (error instanceof ItemError) return undefined;
    throw error;
  }
  return writeManagers(managers);
}

/** Takes an update into the managers, with the time of the change and the limit on entries. */
export function recordUpdate(
  kind: ManagedKind,
  before: object,
  after: object,
  managers: Managers,
  name: ManagerName,
  now: string,
): void {
  const changed = takeUpdate({ kind, filter: kind.filter(name.subresource) }, before, after, managers);
  const owned = withoutMeta(changed);
  if (!isEmpty(owned)) {
    const identifier = identifierOf(name);
    const previous = managers.get(identifier);
    const set = previous === undefined ? owned : union(owned, previous.set);
    managers.set(identifier, { ...name, set, time: now });
  }
  capUpdateManagers(managers);
}

function managersOf(live: AnyObject | undefined, next: AnyObject, subresource: string): Managers {
  if (subresource !== "") return managersOrNone(live);
  if (asksForReset(next.metadata?.managedFields)) return new Map();
  const named = managersOrNone(next);
  return named.size === 0 ? managersOrNone(live) : named;
}

function managersOrNone(object: AnyObject | undefined): Managers {
  try {
    return readManagers(object?.metadata?.managedFields);
  } catch (error) {
    if (error instanceof FieldsError) return new Map();
    throw error;
  }
}

/** A shallow copy; nobody owns the list of owners. */
export function withoutManagedFields(object: AnyObject): AnyObject {
  if (object.metadata?.managedFields === undefined) return object;
  const { managedFields: _, ...metadata } = object.metadata;
  return { ...object, metadata };
}
