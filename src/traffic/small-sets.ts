/** Sets of texts by key, of which nearly all have one item: that one is kept as it is, and others take a Set. */
export class SmallSets {
  readonly #sets = new Map<string, string | Set<string>>();

  /** The items of a key. */
  of(key: string): Iterable<string> {
    const known = this.#sets.get(key);
    return typeof known === "string" ? [known] : (known ?? []);
  }

  has(key: string): boolean {
    return this.#sets.has(key);
  }

  /** Adds an item to the set of a key. */
  add(key: string, item: string): void {
    const known = this.#sets.get(key);
    if (known === undefined || known === item) this.#sets.set(key, item);
    else if (typeof known === "string") this.#sets.set(key, new Set([known, item]));
    else known.add(item);
  }

  /** Takes an item out; a key without any is none any more. */
  delete(key: string, item: string): void {
    const known = this.#sets.get(key);
    if (known === item) this.#sets.delete(key);
    else if (typeof known === "object") {
      known.delete(item);
      if (known.size === 0) this.#sets.delete(key);
    }
  }
}
