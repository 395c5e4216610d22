/**
 * The store: a versioned, ordered, watchable map from keys to objects.
 *
 * - One revision counter for the whole store. Every transaction that writes gets the next revision; all its writes
 *   carry it. Revisions never go back, not even over a restart.
 * - A transaction's function runs at once, synchronously and alone: it reads its own writes and those of every
 *   transaction before it, whether durable yet or not. It is durable when its promise resolves; if the function
 *   throws, nothing of it happens and the promise rejects with that error.
 * - get, range and watch show durable state only, so that nothing seen is ever lost. A watcher sees every change of its
 *   prefix exactly once, in order of revision.
 * - Values belong to the store once written: neither side may change them afterwards.
 */
export interface Store<V = unknown> {
  /** The newest durable revision. */
  readonly revision: number;
  /** The oldest revision from which a watch can start; older ones are compacted. */
  readonly oldestRevision: number;
  get(key: string): Entry<V> | undefined;
  /** Entries whose key starts with `prefix`, in order of their keys. */
  range(prefix: string, options?: RangeOptions): Range<V>;
  transact<T>(work: (tx: Transaction<V>) => T): Promise<T>;
  /**
   * Reports the changes of keys under `prefix` with a revision above `since`.
   * @throws RevisionCompacted when `since` is older than the history kept
   */
  watch(prefix: string, since: number, watcher: Watcher<V>): Stop;
  /** Waits for what is under way, then closes; the store takes nothing afterwards. */
  close(): Promise<void>;
}

/** A key with its value. */
export interface Entry<V> {
  readonly key: string;
  readonly value: V;
  /** Revision of the last write of this key. */
  readonly revision: number;
}

/** Which part of a range is read, and as of when. */
export interface RangeOptions {
  /** Starts behind this key (the last one of the page before). */
  readonly after?: string;
  /** At most so many entries. */
  readonly limit?: number;
  /**
   * The state as of this revision (a consistent continuation of a paged list).
   * @throws RevisionCompacted when the history does not reach back so far
   */
  readonly revision?: number;
}

/** A part of a range of keys, as of one revision. */
export interface Range<V> {
  readonly entries: readonly Entry<V>[];
  /** The revision that the entries are the state of. */
  readonly revision: number;
  /** How many entries follow behind the last one; 0 when this is the end. */
  readonly remaining: number;
}

/** Reads and writes that take effect together, or not at all. */
export interface Transaction<V> {
  /** The revision that this transaction's writes get. */
  readonly revision: number;
  get(key: string): Entry<V> | undefined;
  put(key: string, value: V): void;
  delete(key: string): void;
  /** Entries under a prefix with this transaction's writes applied; for small prefixes. */
  range(prefix: string): readonly Entry<V>[];
}

/** What a write did to one key. */
export type Change<V> =
  | {
      readonly type: "put";
      readonly key: string;
      readonly revision: number;
      readonly value: V;
      readonly previous?: V;
    }
  | { readonly type: "delete"; readonly key: string; readonly revision: number; readonly previous: V };

/** Who is told of changes. */
export interface Watcher<V> {
  /** Changes of one or more whole transactions, in order. Called synchronously; must not throw. */
  onChanges(changes: readonly Change<V>[]): void;
  /** Everything up to this revision has been reported (called after onChanges, also when nothing matched). */
  onProgress?(revision: number): void;
}

/** Ends a watch; safe to call again. */
export type Stop = () => void;

/** The revision asked for is older than the history kept; list again. */
export class RevisionCompacted extends Error {
  readonly oldest: number;

  constructor(asked: number, oldest: number) {
    super(`revision ${asked} is compacted; the oldest kept is ${oldest}`);
    this.name = "RevisionCompacted";
    this.oldest = oldest;
  }
}
