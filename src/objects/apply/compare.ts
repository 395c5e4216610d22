import { isObject, type JsonObject, sameJson } from "../patch/json-value.ts";
import { EMPTY, type FieldSet, type MutableFieldSet } from "./field-set.ts";
import { itemElements } from "./list-items.ts";
import { fieldType, type ListType, type MapType, type MergeType, type Shape, shapeOf } from "./merge-type.ts";
import { fieldElement, type PathElement } from "./path-element.ts";

/**
 * How one object differs from another. Items that come to stand twice are removed as the one and added as
 * both.
 */
export interface Comparison {
  readonly added: FieldSet;
  readonly modified: FieldSet;
  readonly removed: FieldSet;
}

/**
 * Compares two objects of a type field by field (structured-merge-diff typed/compare.go).
 * @throws ItemError when a list has items that cannot be told apart
 */
export function compare(before: unknown, after: unknown, type: MergeType): Comparison {
  const changes = changesOf(before, after, type);
  return {
    added: changes?.added ?? EMPTY,
    modified: changes?.modified ?? EMPTY,
    removed: changes?.removed ?? EMPTY,
  };
}

/** The values that a step has in the three sets; undefined where it is not in the set. */
interface Changes {
  added?: FieldSet;
  modified?: FieldSet;
  removed?: FieldSet;
}

const SELF = ".";
const ADDED: Changes = { added: EMPTY };
const MODIFIED: Changes = { modified: EMPTY };
const REMOVED: Changes = { removed: EMPTY };

/** Undefined stands for a value that is not there, and in the result for no changes. */
function changesOf(before: unknown, after: unknown, type: MergeType): Changes | undefined {
  if (before === after) return undefined;
  const shape = shapeOf(type, after === undefined ? before : after);
  const changes = changesAs(shape, before, after, type);
  if (before === undefined || after === undefined) return changes;
  const other = shapeOf(type, before);
  return other === shape ? changes : bothOf(changesAs(other, before, after, type), changes);
}

/**
 * What a value of another shape leaves behind and what comes in its place; both mark the value itself
 * alike.
 */
function bothOf(a: Changes | undefined, b: Changes | undefined): Changes {
  return { ...a, ...b };
}

function changesAs(shape: Shape, before: unknown, after: unknown, type: MergeType): Changes | undefined {
  if (shape === "map" && type.map !== undefined) return mapChanges(before, after, type.map);
  if (shape === "list" && type.list !== undefined) return listChanges(before, after, type.list);
  return leafChanges(before, after);
}

function leafChanges(before: unknown, after: unknown): Changes | undefined {
  if (before === undefined) return ADDED;
  if (after === undefined) return REMOVED;
  return sameJson(before, after) ? undefined : MODIFIED;
}

/** Collects what is below a step. */
class Collector {
  private added: MutableFieldSet | undefined;
  private modified: MutableFieldSet | undefined;
  private removed: MutableFieldSet | undefined;

  /** A value that came or went as a whole is marked itself, too. */
  constructor(isNew: boolean, isGone: boolean) {
    if (isNew) this.added = { [SELF]: EMPTY };
    if (isGone) this.removed = { [SELF]: EMPTY };
  }

  put(element: PathElement, changes: Changes | undefined): void {
    if (changes === undefined) return;
    if (changes.added !== undefined) {
      this.added ??= {};
      this.added[element] = changes.added;
    }
    if (changes.modified !== undefined) {
      this.modified ??= {};
      this.modified[element] = changes.modified;
    }
    if (changes.removed !== undefined) {
      this.removed ??= {};
      this.removed[element] = changes.removed;
    }
  }

  changes(): Changes | undefined {
    if (this.added === undefined && this.modified === undefined && this.removed === undefined)
      return undefined;
    const result: Changes = {};
    if (this.added !== undefined) result.added = plain(this.added);
    if (this.modified !== undefined) result.modified = this.modified;
    if (this.removed !== undefined) result.removed = plain(this.removed);
    return result;
  }
}

/** A step with nothing below it has an empty value. */
function plain(node: MutableFieldSet): FieldSet {
  for (const element in node) if (element !== SELF) return node;
  return EMPTY;
}

function mapChanges(before: unknown, after: unknown, type: MapType): Changes | undefined {
  const left = isObject(before) ? before : undefined;
  const right = isObject(after) ? after : undefined;
  if (type.atomic || (isEmptyMap(left) && isEmptyMap(right))) return leafChanges(before, after);
  const collector = new Collector(before === undefined, after === undefined);
  for (const name in left) {
    const next = right !== undefined && Object.hasOwn(right, name) ? right[name] : undefined;
    if (left[name] === next) continue;
    collector.put(fieldElement(name), changesOf(left[name], next, fieldType(type, name)));
  }
  for (const name in right) {
    if (right[name] === undefined) continue;
    if (left !== undefined && Object.hasOwn(left, name) && left[name] !== undefined) continue;
    collector.put(fieldElement(name), changesOf(undefined, right[name], fieldType(type, name)));
  }
  return collector.changes();
}

function isEmptyMap(map: JsonObject | undefined): boolean {
  for (const _ in map) return false;
  return true;
}

function listChanges(before: unknown, after: unknown, type: ListType): Changes | undefined {
  const left = Array.isArray(before) ? before : [];
  const right = Array.isArray(after) ? after : [];
  if (type.atomic || (left.length === 0 && right.length === 0)) return leafChanges(before, after);
  const [leftItems, rightItems] = [grouped(type, left), grouped(type, right)];
  const collector = new Collector(before === undefined, after === undefined);
  for (const [element, items] of leftItems) {
    collector.put(element, itemChanges(items, rightItems.get(element) ?? [], type.items));
  }
  for (const [element, items] of rightItems) {
    if (!leftItems.has(element)) collector.put(element, itemChanges([], items, type.items));
  }
  return collector.changes();
}

/** The items of a list by their steps. */
function grouped(type: ListType, items: readonly unknown[]): Map<PathElement, unknown[]> {
  const result = new Map<PathElement, unknown[]>();
  const elements = itemElements(type, items);
  for (let i = 0; i < items.length; i++) {
    const element = elements[i] ?? "";
    const group = result.get(element);
    if (group === undefined) result.set(element, [items[i]]);
    else group.push(items[i]);
  }
  return result;
}

/** Items that stand there more than once are owned together as a whole. */
function itemChanges(
  before: readonly unknown[],
  after: readonly unknown[],
  type: MergeType,
): Changes | undefined {
  if (before.length <= 1 && after.length <= 1) return changesOf(before[0], after[0], type);
  if (before.length >= 2 && after.length >= 2) return sameJson(before, after) ? undefined : MODIFIED;
  if (before.length >= 2) {
    const arrived = after.length === 0 ? undefined : changesOf(undefined, after[0], type);
    return { ...arrived, removed: EMPTY };
  }
  const gone = before.length === 0 ? undefined : changesOf(before[0], undefined, type);
  return { ...gone, added: EMPTY };
}
