import type { Entry } from "./contract.ts";

/** One change as the history keeps it: the entry before and after, undefined where there was or is none. */
export interface HistoricChange<V> {
  readonly key: string;
  readonly revision: number;
  readonly before: Entry<V> | undefined;
  readonly after: Entry<V> | undefined;
}

/** How much history is kept: at most so many changes, and old values of at most so many bytes (as `sizeOf` counts). */
export interface HistoryLimits<V> {
  readonly changes: number;
  readonly bytes: number;
  readonly sizeOf: (value: V) => number;
}

/** The newest changes, in order of revision; the oldest fall off at the limits. */
export class History<V> {
  readonly #limits: HistoryLimits<V>;
  #changes: HistoricChange<V>[] = [];
  /** Index of the oldest change kept; what is before it is dropped in bulk now and then. */
  #start = 0;
  #bytes = 0;
  #oldest: number;

  constructor(revision: number, limits: HistoryLimits<V>) {
    this.#oldest = revision;
    this.#limits = limits;
  }

  /** All changes above this revision are kept. */
  get oldest(): number {
    return this.#oldest;
  }

  /** Adds the changes of whole transactions, newest last. */
  add(changes: readonly HistoricChange<V>[]): void {
    for (const change of changes) {
      this.#changes.push(change);
      this.#bytes += this.#sizeOf(change);
    }
    while (this.#changes.length - this.#start > this.#limits.changes || this.#bytes > this.#limits.bytes) {
      if (!this.#dropOldest()) break;
    }
    if (this.#start > 1024 && this.#start * 2 > this.#changes.length) {
      this.#changes = this.#changes.slice(this.#start);
      this.#start = 0;
    }
  }

  /** The changes above a revision, oldest first. The caller has made sure that they are kept. */
  since(revision: number): readonly HistoricChange<V>[] {
    let low = this.#start;
    let high = this.#changes.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#changes[middle]!.revision <= revision) low = middle + 1;
      else high = middle;
    }
    return this.#changes.slice(low);
  }

  /** Drops the oldest transaction whole, since a watch starts between transactions. */
  #dropOldest(): boolean {
    const revision = this.#changes[this.#start]?.revision;
    if (revision === undefined) return false;
    while (this.#changes[this.#start]?.revision === revision) {
      this.#bytes -= this.#sizeOf(this.#changes[this.#start]!);
      this.#changes[this.#start] = undefined as never;
      this.#start++;
    }
    this.#oldest = revision;
    return true;
  }

  /** Only what the history alone keeps alive counts: the value before the change. */
  #sizeOf(change: HistoricChange<V>): number {
    return change.before === undefined ? 0 : this.#limits.sizeOf(change.before.value);
  }
}
