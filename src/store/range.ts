import type { Entry, Range, RangeOptions } from "./contract.ts";
import type { HistoricChange } from "./history.ts";
import { OrderedMap } from "./ordered-map.ts";

/** A key above every key with the prefix. U+FFFF is no character, so no key goes on with it. */
export function prefixEnd(prefix: string): string {
  return `${prefix}\uffff`;
}

/** The page of a prefix that the options ask for, from the state given. */
export function pageOf<V>(
  state: OrderedMap<Entry<V>>,
  prefix: string,
  options: RangeOptions,
  revision: number,
): Range<V> {
  // U+0000 makes the smallest key above `after`
  const from = options.after === undefined ? prefix : maxOf(prefix, `${options.after}\u0000`);
  const end = prefixEnd(prefix);
  const limit = options.limit !== undefined && options.limit > 0 ? options.limit : undefined;
  const entries = state.slice(from, end, limit);
  const last = entries.at(-1);
  const remaining = limit === undefined || last === undefined ? 0 : state.count(`${last.key}\u0000`, end);
  return { entries, revision, remaining };
}

/** The state of a prefix before the given changes (oldest first), made by undoing them. */
export function stateBefore<V>(
  state: OrderedMap<Entry<V>>,
  prefix: string,
  changes: readonly HistoricChange<V>[],
): OrderedMap<Entry<V>> {
  const older = new Map<string, Entry<V>>();
  for (const entry of state.slice(prefix, prefixEnd(prefix))) older.set(entry.key, entry);
  for (const change of changes.toReversed()) {
    if (!change.key.startsWith(prefix)) continue;
    if (change.before === undefined) older.delete(change.key);
    else older.set(change.key, change.before);
  }
  return OrderedMap.from(older);
}

function maxOf(a: string, b: string): string {
  return a > b ? a : b;
}
