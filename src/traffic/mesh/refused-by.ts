/** What each sidecar has to say against objects that it refuses. */

/** Bounded by the objects that are refused, and the sidecars that refuse one. */
export class RefusedBy<Word> {
  /** By object, `Kind/namespace/name`, then by sidecar. */
  readonly #words = new Map<string, Map<string, Word>>();

  /** Replaces what a sidecar says, by object; gives the objects of which it says something else now, or nothing. */
  replace(sidecar: string, words: ReadonlyMap<string, Word>): readonly string[] {
    const different: string[] = [];
    for (const [object, by] of this.#words) {
      if (words.has(object) || !by.delete(sidecar)) continue;
      if (by.size === 0) this.#words.delete(object);
      different.push(object);
    }
    for (const [object, word] of words) {
      const by = this.#words.get(object) ?? new Map<string, Word>();
      if (by.get(sidecar) === word) continue;
      this.#words.set(object, by.set(sidecar, word));
      different.push(object);
    }
    return different;
  }

  /** What is said of an object, by sidecar. */
  of(object: string): ReadonlyMap<string, Word> {
    return this.#words.get(object) ?? new Map<string, Word>();
  }

  /** The objects that some sidecar refuses. */
  objects(): Iterable<string> {
    return this.#words.keys();
  }

  /** Forgets what is said of an object. */
  forget(object: string): void {
    this.#words.delete(object);
  }
}
