import {
  type Change,
  type Entry,
  type Range,
  type RangeOptions,
  RevisionCompacted,
  type Stop,
  type Store,
  type Transaction,
  type Watcher,
} from "./contract.ts";
import { type HistoricChange, History, type HistoryLimits } from "./history.ts";
import type { OrderedMap } from "./ordered-map.ts";
import { OpenTransaction, type Write } from "./overlay.ts";
import { pageOf, stateBefore } from "./range.ts";

/** Makes writes durable. A batch is one or more whole transactions; it happens as a whole or not at all. */
export interface Journal<V> {
  /** Resolves when the batch is durable; undefined when it is at once. Called again only after the last batch is settled. */
  append(writes: ReadonlyMap<string, Write<V>>, revision: number): Promise<void> | undefined;
  close(): Promise<void>;
}

/** What a store starts from: the state recovered, its journal and how much history it keeps. */
export interface EngineOptions<V> {
  readonly entries: OrderedMap<Entry<V>>;
  readonly revision: number;
  readonly journal: Journal<V>;
  readonly history: HistoryLimits<V>;
}

interface Waiting<V> {
  readonly revision: number;
  readonly writes: ReadonlyMap<string, Write<V>>;
  readonly done: () => void;
  readonly failed: (error: unknown) => void;
}

interface Subscription<V> {
  readonly prefix: string;
  readonly since: number;
  readonly watcher: Watcher<V>;
}

/** The store was closed; the operation did not happen. */
class StoreClosed extends Error {
  constructor() {
    super("the store is closed");
    this.name = "StoreClosed";
  }
}

/** The store over any journal: state, history and watchers in memory, writes grouped while a commit is under way. */
export class Engine<V> implements Store<V> {
  readonly #durable: OrderedMap<Entry<V>>;
  readonly #journal: Journal<V>;
  readonly #history: History<V>;
  /** Writes of transactions that have run and are not durable yet. */
  readonly #pending = new Map<string, Write<V>>();
  readonly #subscriptions = new Set<Subscription<V>>();
  #queue: Waiting<V>[] = [];
  #flushing: Promise<void> | undefined;
  #revision: number;
  #head: number;
  #closed = false;

  constructor(options: EngineOptions<V>) {
    this.#durable = options.entries;
    this.#journal = options.journal;
    this.#revision = options.revision;
    this.#head = options.revision;
    this.#history = new History(options.revision, options.history);
  }

  get revision(): number {
    return this.#revision;
  }

  get oldestRevision(): number {
    return this.#history.oldest;
  }

  get(key: string): Entry<V> | undefined {
    return this.#durable.get(key);
  }

  range(prefix: string, options: RangeOptions = {}): Range<V> {
    const asked = options.revision;
    if (asked === undefined || asked >= this.#revision) {
      return pageOf(this.#durable, prefix, options, this.#revision);
    }
    this.#requireKept(asked);
    return pageOf(stateBefore(this.#durable, prefix, this.#history.since(asked)), prefix, options, asked);
  }

  transact<T>(work: (tx: Transaction<V>) => T): Promise<T> {
    if (this.#closed) return Promise.reject(new StoreClosed());
    const tx = new OpenTransaction(this.#head + 1, this.#pending, this.#durable);
    let result: T;
    try {
      result = work(tx);
    } catch (error) {
      return Promise.reject(error);
    }
    // what it has read may not be durable yet: its answer waits for that too
    if (tx.writes.size === 0 && this.#head === this.#revision) return Promise.resolve(result);
    if (tx.writes.size > 0) this.#stage(tx);
    return this.#enqueue(tx.writes.size > 0 ? tx.revision : this.#head, tx.writes, result);
  }

  watch(prefix: string, since: number, watcher: Watcher<V>): Stop {
    this.#requireKept(since);
    const subscription = { prefix, since, watcher };
    this.#subscriptions.add(subscription);
    if (since < this.#revision)
      deliver(subscription, this.#history.since(since).map(changeOf), this.#revision);
    return () => this.#subscriptions.delete(subscription);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    while (this.#flushing !== undefined) await this.#flushing;
    this.#subscriptions.clear();
    await this.#journal.close();
  }

  #requireKept(revision: number): void {
    if (revision < this.#history.oldest) throw new RevisionCompacted(revision, this.#history.oldest);
  }

  #stage(tx: OpenTransaction<V>): void {
    this.#head = tx.revision;
    for (const [key, write] of tx.writes) this.#pending.set(key, write);
  }

  #enqueue<T>(revision: number, writes: ReadonlyMap<string, Write<V>>, result: T): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#queue.push({ revision, writes, done: () => resolve(result), failed: reject });
      this.#flush();
    });
  }

  /** Commits all that waits as one batch; what comes meanwhile makes the next one. */
  #flush(): void {
    if (this.#flushing !== undefined || this.#queue.length === 0) return;
    const batch = this.#queue;
    this.#queue = [];
    const revision = batch.at(-1)!.revision;
    const durable = this.#journal.append(mergeWrites(batch), revision);
    if (durable === undefined) {
      this.#settle(batch, revision);
      return;
    }
    this.#flushing = durable
      .then(
        () => this.#settle(batch, revision),
        (error: unknown) => this.#abandon(batch, error),
      )
      .finally(() => {
        this.#flushing = undefined;
        this.#flush();
      });
  }

  #settle(batch: readonly Waiting<V>[], revision: number): void {
    const changes: HistoricChange<V>[] = [];
    for (const { writes, revision: own } of batch) {
      for (const [key, write] of writes) {
        const change = this.#apply(key, write, own);
        if (change.before !== undefined || change.after !== undefined) changes.push(change);
      }
    }
    this.#revision = revision;
    this.#history.add(changes);
    const shown = changes.map(changeOf);
    for (const subscription of [...this.#subscriptions]) deliver(subscription, shown, revision);
    for (const waiting of batch) waiting.done();
  }

  #apply(key: string, write: Write<V>, revision: number): HistoricChange<V> {
    const before = this.#durable.get(key);
    if (write.entry === undefined) this.#durable.delete(key);
    else this.#durable.set(key, write.entry);
    // a later transaction may have written the key again
    if (this.#pending.get(key) === write) this.#pending.delete(key);
    return { key, revision, before, after: write.entry };
  }

  /** A commit failed: nothing of the batch happened, nor of what was built upon it. */
  #abandon(batch: readonly Waiting<V>[], error: unknown): void {
    const failed = [...batch, ...this.#queue];
    this.#queue = [];
    this.#pending.clear();
    this.#head = this.#revision;
    for (const waiting of failed) waiting.failed(error);
  }
}

function mergeWrites<V>(batch: readonly Waiting<V>[]): ReadonlyMap<string, Write<V>> {
  if (batch.length === 1) return batch[0]!.writes;
  const merged = new Map<string, Write<V>>();
  for (const { writes } of batch) for (const [key, write] of writes) merged.set(key, write);
  return merged;
}

function changeOf<V>({ key, revision, before, after }: HistoricChange<V>): Change<V> {
  if (after === undefined) return { type: "delete", key, revision, previous: before!.value };
  if (before === undefined) return { type: "put", key, revision, value: after.value };
  return { type: "put", key, revision, value: after.value, previous: before.value };
}

function deliver<V>(to: Subscription<V>, changes: readonly Change<V>[], revision: number): void {
  const wanted = changes.filter(({ key, revision: at }) => key.startsWith(to.prefix) && at > to.since);
  if (wanted.length > 0) to.watcher.onChanges(wanted);
  if (revision > to.since) to.watcher.onProgress?.(revision);
}
