import { goTypeOf, isObject } from "./json-value.ts";
import { mergeKeyOf, StrategicMergeError } from "./merge-meaning.ts";

/** The order of merged lists: the patch's order first, then the document's (strategicpatch normalizeElementOrder). */

/** `map`, `list` or the name of a scalar type. */
export function scalarKindOf(value: unknown): string {
  if (Array.isArray(value)) return "list";
  if (isObject(value)) return "map";
  return value === null ? "null" : typeof value;
}

/** Splits a list into the items that another list names (by merge key, or by value when it is empty) and the others. */
export function partition(
  list: readonly unknown[],
  by: readonly unknown[],
  mergeKey: string,
): [named: unknown[], others: unknown[]] {
  const values = new Set(by.map((item) => identity(item, mergeKey)));
  const named: unknown[] = [];
  const others: unknown[] = [];
  for (const item of list) (values.has(identity(item, mergeKey)) ? named : others).push(item);
  return [named, others];
}

function identity(item: unknown, mergeKey: string): unknown {
  return mergeKey !== "" && isObject(item) ? item[mergeKey] : item;
}

/**
 * Sorts the patch's items by the patch's order and the server's by theirs, then weaves them together: a server item
 * stands before the first patch item that follows it on the server.
 * @throws StrategicMergeError when an item of any list lacks the merge key
 */
export function normalizeElementOrder(
  patchItems: readonly unknown[],
  serverItems: readonly unknown[],
  patchOrder: readonly unknown[],
  serverOrder: readonly unknown[],
  mergeKey: string,
): unknown[] {
  if (mergeKey !== "") {
    for (const item of [patchItems, patchOrder, serverItems, serverOrder].flat()) requireKey(item, mergeKey);
  }
  const right = sortBy(patchItems, patchOrder, mergeKey);
  const left = sortBy(serverItems, serverOrder, mergeKey);
  const positions = positionsOf(serverOrder, mergeKey);
  const result: unknown[] = [];
  let next = 0;
  for (const item of left) {
    const at = positions.get(identity(item, mergeKey));
    while (next < right.length) {
      const other = positions.get(identity(right[next], mergeKey));
      if (at !== undefined && other !== undefined && at < other) break;
      result.push(right[next++]);
    }
    result.push(item);
  }
  return [...result, ...right.slice(next)];
}

function requireKey(item: unknown, mergeKey: string): void {
  if (isObject(item)) mergeKeyOf(item, mergeKey);
  else throw new StrategicMergeError(`expected a map[string]interface {}, but received a ${goTypeOf(item)}`);
}

function positionsOf(order: readonly unknown[], mergeKey: string): Map<unknown, number> {
  const positions = new Map<unknown, number>();
  order.forEach((item, index) => {
    const key = identity(item, mergeKey);
    if (!positions.has(key)) positions.set(key, index);
  });
  return positions;
}

function sortBy(items: readonly unknown[], order: readonly unknown[], mergeKey: string): unknown[] {
  const positions = positionsOf(order, mergeKey);
  const rank = (item: unknown) => positions.get(identity(item, mergeKey)) ?? Number.MAX_SAFE_INTEGER;
  return [...items].sort((a, b) => rank(a) - rank(b));
}
