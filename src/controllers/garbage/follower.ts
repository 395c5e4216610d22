import { Informer, type KubeClient, type ObjectChange } from "../../client/index.ts";
import type { Kind } from "../../objects/kinds.ts";
import type { KubeObject } from "../../objects/types.ts";

/** What a follower tells of. */
export interface FollowerEvents {
  readonly onChange: (kind: Kind, change: ObjectChange<KubeObject>) => void;
  readonly onError: (kind: Kind, error: unknown) => void;
}

/** Watches the metadata of one kind's objects until it is stopped, and keeps of it what ownership needs. */
export class Follower {
  readonly kind: Kind;
  readonly informer: Informer<KubeObject>;
  /** Resolves with the first list, or with its failure: nobody has to wait longer for a kind that is down. */
  readonly settled: Promise<void>;
  /** Resolves with the first list; never, when there is none. */
  readonly synced: Promise<void>;
  readonly #abort = new AbortController();
  readonly #signal: AbortSignal;
  readonly #onStop = (): void => this.stop();

  constructor(client: KubeClient, kind: Kind, events: FollowerEvents, signal: AbortSignal) {
    this.kind = kind;
    this.#signal = signal;
    let settle = (): void => {};
    this.settled = new Promise((resolve) => {
      settle = resolve;
    });
    const onError = (error: unknown): void => {
      settle();
      if (!this.#abort.signal.aborted) events.onError(kind, error);
    };
    this.informer = new Informer(client, kind, { metadataOnly: true, transform: trimmed, onError });
    this.informer.onChange((change) => {
      if (!this.#abort.signal.aborted) events.onChange(kind, change);
    });
    signal.addEventListener("abort", this.#onStop, { once: true });
    this.synced = new Promise((resolve) => {
      this.informer.start(this.#abort.signal).then(resolve, () => {});
    });
    void this.synced.then(settle);
    this.#abort.signal.addEventListener("abort", settle, { once: true });
  }

  /** Tells of no further change; the cache stays as it is. */
  stop(): void {
    this.#signal.removeEventListener("abort", this.#onStop);
    this.#abort.abort();
  }
}

/** What decides about an object's going and staying; of thousands nothing else is to be kept. */
function trimmed({ apiVersion, kind, metadata }: KubeObject): KubeObject {
  const { name, namespace, uid, resourceVersion, deletionTimestamp, finalizers, ownerReferences } = metadata;
  const kept = { name, namespace, uid, resourceVersion, deletionTimestamp, finalizers, ownerReferences };
  const present = Object.entries(kept).filter(([, value]) => value !== undefined);
  return { apiVersion, kind, metadata: Object.fromEntries(present) as unknown as KubeObject["metadata"] };
}
