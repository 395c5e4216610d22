import { Informer, type KubeClient } from "../../client/index.ts";
import { type Kind, objectKey } from "../../objects/kinds.ts";
import type { KubeObject } from "../../objects/types.ts";

interface Waiter {
  readonly holds: (object: KubeObject | undefined) => boolean;
  readonly done: () => void;
}

interface Shared {
  readonly informer: Informer<KubeObject>;
  readonly waiters: Map<string, Set<Waiter>>;
}

/**
 * How long a controller waits for its own write to come back, in milliseconds; then it goes on with what it
 * has.
 */
const MAX_WAIT = 5000;

/** One informer per kind for all controllers, so that each kind is listed and watched once. */
export class Informers {
  readonly #client: KubeClient;
  readonly #onError: (kind: Kind, error: unknown) => void;
  readonly #shared = new Map<string, Shared>();
  #ended = false;

  constructor(client: KubeClient, onError: (kind: Kind, error: unknown) => void) {
    this.#client = client;
    this.#onError = onError;
  }

  /** The informer of a kind, made on first demand; it has to be asked for before the start. */
  of<T extends KubeObject>(kind: Kind): Informer<T> {
    return this.#share(kind).informer as unknown as Informer<T>;
  }

  /** Starts all informers that were asked for; resolves when every cache is filled. */
  async start(signal: AbortSignal): Promise<void> {
    signal.addEventListener("abort", () => this.#endWaiting(), { once: true });
    await Promise.all([...this.#shared.values()].map(({ informer }) => informer.start(signal)));
  }

  /** Resolves when all loops have ended after the signal's abort. */
  async stopped(): Promise<void> {
    await Promise.all([...this.#shared.values()].map(({ informer }) => informer.stopped()));
  }

  /**
   * Waits until the cache shows of an object what holds, as after a write of one's own: the next look at the
   * cache then sees it, and nothing is done twice. Gives up after some seconds, and when the informers end; of a
   * kind that nobody caches there is nothing to wait for.
   */
  until(kind: Kind, key: string, holds: (object: KubeObject | undefined) => boolean): Promise<void> {
    const shared = this.#shared.get(`${kind.group}/${kind.plural}`);
    if (shared === undefined) return Promise.resolve();
    const { informer, waiters } = shared;
    if (this.#ended || holds(informer.get(key))) return Promise.resolve();
    return new Promise((resolve) => {
      const of = waiters.get(key) ?? new Set();
      const waiter: Waiter = {
        holds,
        done: () => {
          clearTimeout(timer);
          of.delete(waiter);
          if (of.size === 0) waiters.delete(key);
          resolve();
        },
      };
      const timer = setTimeout(waiter.done, MAX_WAIT);
      waiters.set(key, of.add(waiter));
    });
  }

  #endWaiting(): void {
    this.#ended = true;
    for (const { waiters } of this.#shared.values()) {
      for (const of of [...waiters.values()]) for (const waiter of [...of]) waiter.done();
    }
  }

  #share(kind: Kind): Shared {
    const name = `${kind.group}/${kind.plural}`;
    const known = this.#shared.get(name);
    if (known !== undefined) return known;
    const informer = new Informer<KubeObject>(this.#client, kind, {
      onError: (error) => this.#onError(kind, error),
    });
    const waiters = new Map<string, Set<Waiter>>();
    informer.onChange(({ object }) => {
      const key = objectKey(object);
      const of = waiters.get(key);
      if (of === undefined) return;
      for (const waiter of [...of]) if (waiter.holds(informer.get(key))) waiter.done();
    });
    const shared = { informer, waiters };
    this.#shared.set(name, shared);
    return shared;
  }
}
