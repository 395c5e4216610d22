import { sameJson } from "../patch/json-value.ts";
import { type Comparison, compare } from "./compare.ts";
import { type Conflict, ConflictsError, conflictsWith } from "./conflicts.ts";
import { difference, EMPTY, type FieldSet, intersection, isEmpty, union } from "./field-set.ts";
import type { ManagedKind } from "./managed-kind.ts";
import { identifierOf, type Manager, type ManagerName, type Managers } from "./managers.ts";
import { merge } from "./merge.ts";
import { withNamedFields } from "./named-fields.ts";
import { reconcile } from "./reconcile.ts";
import { removeItems } from "./remove.ts";
import type { FieldFilter } from "./reset-fields.ts";
import { toFieldSet } from "./to-field-set.ts";

/** What is written, and over which subresource. */
export interface WriteScope {
  readonly kind: ManagedKind;
  readonly filter: FieldFilter | undefined;
}

/**
 * Takes a write other than an apply into the managers: whoever owned a changed field loses it
 * (structured-merge-diff merge/update.go, Update).
 * @returns what the writer changed and therefore owns now
 * @throws ItemError when a list has items that cannot be told apart
 */
export function takeUpdate(scope: WriteScope, before: object, after: object, managers: Managers): FieldSet {
  reconcileAll(scope.kind, managers);
  const comparison = filtered(compare(before, after, scope.kind.type), scope.filter);
  settle(scope.kind, managers, comparison, undefined, true);
  return union(comparison.modified, comparison.added);
}

/** What applying a configuration came to. */
export interface Applied {
  /** The new state of the object, undefined when it is as before. */
  readonly object: object | undefined;
}

/**
 * Merges a configuration into the live object, removes what its manager applied before and now left out, and
 * hands over ownership (structured-merge-diff merge/update.go, Apply).
 * @throws ConflictsError when others own what changes, unless forced
 * @throws ItemError when a list has items that cannot be told apart
 */
export function takeApply(
  scope: WriteScope,
  live: object,
  configuration: object,
  managers: Managers,
  name: ManagerName,
  force: boolean,
): Applied {
  const { kind, filter } = scope;
  reconcileAll(kind, managers);
  const merged = (merge(live, configuration, kind.type) ?? {}) as object;
  const identifier = identifierOf(name);
  const last = managers.get(identifier);
  const owned = toFieldSet(configuration, kind.type);
  managers.set(identifier, { ...name, set: filter === undefined ? owned : filter(owned), time: last?.time });
  const object = prune(kind, merged, managers, last);
  const comparison = filtered(compare(live, object, kind.type), filter);
  settle(kind, managers, comparison, identifier, force);
  return { object: sameJson(live, object) ? undefined : object };
}

function reconcileAll(kind: ManagedKind, managers: Managers): void {
  for (const [identifier, manager] of managers) {
    const set = reconcile(manager.set, kind.type);
    if (set !== manager.set) managers.set(identifier, { ...manager, set });
  }
}

function filtered(comparison: Comparison, filter: FieldFilter | undefined): Comparison {
  if (filter === undefined) return comparison;
  return {
    added: filter(comparison.added),
    modified: filter(comparison.modified),
    removed: filter(comparison.removed),
  };
}

/** Takes from all managers but the writer what changed and what is gone, and drops those that own nothing. */
function settle(
  kind: ManagedKind,
  managers: Managers,
  { added, modified, removed }: Comparison,
  writer: string | undefined,
  force: boolean,
): void {
  const changed = union(modified, added);
  const conflicts: Conflict[] = [];
  const losses: [Manager, string, FieldSet][] = [];
  for (const [identifier, manager] of managers) {
    if (identifier === writer) continue;
    if (!isKnownVersion(kind, manager.apiVersion)) {
      managers.delete(identifier);
      continue;
    }
    const lost = intersection(manager.set, changed);
    if (!isEmpty(lost) && !force) conflicts.push(...conflictsWith(identifier, manager, lost));
    losses.push([manager, identifier, lost]);
  }
  if (conflicts.length > 0) throw new ConflictsError(conflicts);
  for (const [manager, identifier, lost] of losses) {
    const set = difference(difference(manager.set, lost), removed);
    managers.set(identifier, { ...manager, set });
  }
  for (const [identifier, manager] of managers) if (isEmpty(manager.set)) managers.delete(identifier);
}

function isKnownVersion(kind: ManagedKind, apiVersion: string): boolean {
  return apiVersion === kind.apiVersion || kind.otherVersions.includes(apiVersion);
}

/**
 * Removes what the manager applied last time and nobody else owns. `managers` has its new configuration
 * already, so that what it applies again stays.
 */
function prune(kind: ManagedKind, merged: object, managers: Managers, last: Manager | undefined): object {
  if (last === undefined || isEmpty(last.set) || !isKnownVersion(kind, last.apiVersion)) return merged;
  const { type } = kind;
  const lastNamed = withNamedFields(last.set, type);
  const pruned = removeItems(merged, lastNamed, type);
  const kept = addBackOwned(kind, merged, pruned, managers);
  return addBackDangling(kind, merged, kept, lastNamed);
}

function namedFieldsOf(kind: ManagedKind, value: unknown): FieldSet {
  return withNamedFields(toFieldSet(value, kind.type), kind.type);
}

function addBackOwned(kind: ManagedKind, merged: object, pruned: unknown, managers: Managers): unknown {
  let owned: FieldSet = EMPTY;
  for (const manager of managers.values()) {
    if (isKnownVersion(kind, manager.apiVersion)) owned = union(owned, manager.set);
  }
  const wanted = union(namedFieldsOf(kind, pruned), withNamedFields(owned, kind.type));
  return removeItems(merged, difference(namedFieldsOf(kind, merged), wanted), kind.type);
}

/** What nobody owns stays, unless the manager applied it last time. */
function addBackDangling(kind: ManagedKind, merged: object, pruned: unknown, last: FieldSet): object {
  const gone = difference(namedFieldsOf(kind, merged), namedFieldsOf(kind, pruned));
  return (removeItems(merged, intersection(gone, last), kind.type) ?? {}) as object;
}
