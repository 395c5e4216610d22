/** What the routes of one proxy name, counted, so that it goes with the last route that needs it. */
import { equal } from "./equality.ts";

/** A Map that is copied on the first change after somebody took it. Equal entries keep their identity. */
export class Pool<T> {
  #entries = new Map<string, T>();
  readonly #uses = new Map<string, number>();
  #shared = false;

  /** Counts one more use; the value replaces the one there unless it is equal. */
  add(key: string, value: T): void {
    this.#uses.set(key, (this.#uses.get(key) ?? 0) + 1);
    const before = this.#entries.get(key);
    if (before === undefined || !equal(before, value)) this.#own().set(key, value);
  }

  /** Counts one use less; entries without use stay until {@link sweep}, in case the same change adds them again. */
  release(key: string): void {
    const uses = (this.#uses.get(key) ?? 0) - 1;
    this.#uses.set(key, uses);
    if (uses <= 0) this.#idle.add(key);
  }

  readonly #idle = new Set<string>();

  /** Drops what nobody uses any more. */
  sweep(): void {
    for (const key of this.#idle) {
      if ((this.#uses.get(key) ?? 0) > 0) continue;
      this.#uses.delete(key);
      this.#own().delete(key);
    }
    this.#idle.clear();
  }

  /** The entries as of now; what is returned does not change any more. */
  take(): ReadonlyMap<string, T> {
    this.#shared = true;
    return this.#entries;
  }

  #own(): Map<string, T> {
    if (this.#shared) this.#entries = new Map(this.#entries);
    this.#shared = false;
    return this.#entries;
  }
}
