import type { Entry, Transaction } from "./contract.ts";
import type { OrderedMap } from "./ordered-map.ts";
import { prefixEnd } from "./range.ts";

/** A write of a key: its new entry, or none when it is deleted. One object per write, so that writes can be told apart. */
export interface Write<V> {
  readonly entry: Entry<V> | undefined;
}

/** One transaction at work: reads see its own writes, those of transactions not durable yet, then the durable state. */
export class OpenTransaction<V> implements Transaction<V> {
  readonly revision: number;
  readonly writes = new Map<string, Write<V>>();
  readonly #pending: ReadonlyMap<string, Write<V>>;
  readonly #durable: OrderedMap<Entry<V>>;

  constructor(revision: number, pending: ReadonlyMap<string, Write<V>>, durable: OrderedMap<Entry<V>>) {
    this.revision = revision;
    this.#pending = pending;
    this.#durable = durable;
  }

  get(key: string): Entry<V> | undefined {
    const own = this.writes.get(key);
    if (own !== undefined) return own.entry;
    const pending = this.#pending.get(key);
    if (pending !== undefined) return pending.entry;
    return this.#durable.get(key);
  }

  put(key: string, value: V): void {
    if (key === "") throw new RangeError("a key has at least one character");
    this.writes.set(key, { entry: { key, value, revision: this.revision } });
  }

  delete(key: string): void {
    if (this.get(key) !== undefined) this.writes.set(key, { entry: undefined });
  }

  range(prefix: string): readonly Entry<V>[] {
    const merged = new Map<string, Entry<V> | undefined>();
    for (const entry of this.#durable.slice(prefix, prefixEnd(prefix))) merged.set(entry.key, entry);
    for (const layer of [this.#pending, this.writes]) {
      for (const [key, write] of layer) if (key.startsWith(prefix)) merged.set(key, write.entry);
    }
    const entries = [...merged.values()].filter((entry) => entry !== undefined);
    return entries.sort((a, b) => (a.key < b.key ? -1 : 1));
  }
}
