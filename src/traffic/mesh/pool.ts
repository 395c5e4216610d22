/** What several name, kept while anybody does. */
import { keep } from "../gateway/equality.ts";
import { SmallSets } from "../small-sets.ts";

/** Entries by key, equal under equal keys, with who names them. */
export class NamedPool<T> {
  readonly #entries = new Map<string, T>();
  readonly #namers = new SmallSets();
  readonly #keysOf = new Map<string, readonly string[]>();
  /** Entries as they were when they were first touched. */
  readonly #before = new Map<string, T | undefined>();

  /** A live view. */
  get entries(): ReadonlyMap<string, T> {
    return this.#entries;
  }

  /** Replaces what one namer names. */
  replace(namer: string, entries: ReadonlyMap<string, T>): void {
    for (const key of this.#keysOf.get(namer) ?? []) if (!entries.has(key)) this.#drop(namer, key);
    for (const [key, value] of entries) {
      this.#touch(key);
      this.#namers.add(key, namer);
      this.#entries.set(key, keep(this.#entries.get(key), value));
    }
    if (entries.size === 0) this.#keysOf.delete(namer);
    else this.#keysOf.set(namer, [...entries.keys()]);
  }

  /** What is different from the last time. */
  takeChanges(): ReadonlyMap<string, T | undefined> {
    const changes = new Map<string, T | undefined>();
    for (const [key, before] of this.#before) {
      const now = this.#entries.get(key);
      if (now !== before) changes.set(key, now);
    }
    this.#before.clear();
    return changes;
  }

  #drop(namer: string, key: string): void {
    this.#namers.delete(key, namer);
    if (this.#namers.has(key)) return;
    this.#touch(key);
    this.#entries.delete(key);
  }

  #touch(key: string): void {
    if (!this.#before.has(key)) this.#before.set(key, this.#entries.get(key));
  }
}
