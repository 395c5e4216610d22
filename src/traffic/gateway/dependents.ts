import type { LookupKey } from "./routes/types.ts";

/** Who asked for what: finds those that must be redone when an object changes, comes or goes. */
export class Dependents {
  readonly #askers = new Map<LookupKey, Set<string>>();
  readonly #lookups = new Map<string, ReadonlySet<LookupKey>>();

  /** Replaces what one dependent asked for. */
  record(dependent: string, lookups: ReadonlySet<LookupKey>): void {
    const before = this.#lookups.get(dependent);
    if (before !== undefined) for (const key of before) if (!lookups.has(key)) this.#drop(key, dependent);
    for (const key of lookups) if (!before?.has(key)) addTo(this.#askers, key, dependent);
    if (lookups.size === 0) this.#lookups.delete(dependent);
    else this.#lookups.set(dependent, lookups);
  }

  /** Those that asked for an object. */
  of(key: LookupKey): Iterable<string> {
    return this.#askers.get(key) ?? [];
  }

  #drop(key: LookupKey, dependent: string): void {
    removeFrom(this.#askers, key, dependent);
  }
}

/** Adds to the set of a key. */
export function addTo<T>(sets: Map<string, Set<T>>, key: string, item: T): void {
  const set = sets.get(key);
  if (set === undefined) sets.set(key, new Set([item]));
  else set.add(item);
}

/** Takes out of the set of a key; empty sets go. */
export function removeFrom<T>(sets: Map<string, Set<T>>, key: string, item: T): void {
  const set = sets.get(key);
  set?.delete(item);
  if (set?.size === 0) sets.delete(key);
}
