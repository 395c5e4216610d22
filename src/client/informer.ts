import { type Kind, objectKey } from "../objects/kinds.ts";
import { ApiError } from "../objects/status.ts";
import type { KubeObject } from "../objects/types.ts";
import { Backoff, pause } from "./backoff.ts";
import type { KubeClient } from "./kube-client.ts";

/** What happened to one object of an informer's cache. A deleted object is its last known state. */
export interface ObjectChange<T> {
  readonly type: "added" | "updated" | "deleted";
  readonly object: T;
  readonly previous?: T;
}

/** Which objects of the kind are kept, and what of them. */
export interface InformerOptions {
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  /** Objects come with their metadata alone (PartialObjectMetadata), where the server can do so. */
  readonly metadataOnly?: boolean;
  /** Told of what made a list or watch fail; it is tried again with back-off in any case. */
  readonly onError?: (error: unknown) => void;
  /** Applied to each object before it is kept: take away what nobody reads. Name and version must stay. */
  readonly transform?: (object: never) => unknown;
}

/**
 * A cache of one kind's objects, kept current by list and watch. Objects in it are shared: nobody may change
 * them. Listeners run synchronously in the order of events, after the cache has changed, and must not throw.
 * After a lost history (410) the informer lists again and reports the difference.
 */
export class Informer<T extends KubeObject> {
  readonly kind: Kind;
  readonly #client: KubeClient;
  readonly #options: InformerOptions;
  readonly #objects = new Map<string, T>();
  readonly #byNamespace = new Map<string, Map<string, T>>();
  readonly #listeners = new Set<(change: ObjectChange<T>) => void>();
  #synced = false;
  #loop: Promise<void> = Promise.resolve();

  constructor(client: KubeClient, kind: Kind, options: InformerOptions = {}) {
    this.#client = client;
    this.kind = kind;
    this.#options = options;
  }

  /**
   * Starts listing and watching until the signal aborts; resolves once the first list is in the cache, or
   * rejects with the signal's reason.
   */
  start(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const onAbort = (): void => reject(signal.reason);
      signal.addEventListener("abort", onAbort, { once: true });
      const onSync = (): void => {
        signal.removeEventListener("abort", onAbort);
        resolve();
      };
      if (signal.aborted) onAbort();
      else this.#loop = this.#run(signal, onSync);
    });
  }

  /** Resolves when the loop has ended after its signal's abort. */
  stopped(): Promise<void> {
    return this.#loop;
  }

  /** Whether the first list is in the cache. */
  get synced(): boolean {
    return this.#synced;
  }

  /** The object of a key, `namespace/name` or `name` alone. */
  get(key: string): T | undefined {
    return this.#objects.get(key);
  }

  /** All objects, or those of one namespace. */
  list(namespace?: string): T[] {
    const objects = namespace === undefined ? this.#objects : this.#byNamespace.get(namespace);
    return objects === undefined ? [] : [...objects.values()];
  }

  /**
   * Adds a listener; the returned function removes it. Objects that are in the cache already are not
   * reported.
   */
  onChange(listener: (change: ObjectChange<T>) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async #run(signal: AbortSignal, onSync: () => void): Promise<void> {
    const backoff = new Backoff();
    while (!signal.aborted) {
      try {
        const version = await this.#listOnce();
        if (signal.aborted) return;
        this.#synced = true;
        onSync();
        backoff.reset();
        await this.#follow(version, signal);
      } catch (error) {
        if (signal.aborted) return;
        if (!isExpired(error)) this.#options.onError?.(error);
      }
      await pause(backoff.next(), signal);
    }
  }

  /** Brings the cache to the state of a new list, and returns its version. */
  async #listOnce(): Promise<string> {
    const { onError: _, transform: __, ...options } = this.#options;
    const page = await this.#client.listAll<T>(this.kind, options);
    const gone = new Set(this.#objects.keys());
    for (const object of page.items) {
      gone.delete(objectKey(object));
      this.#put(object);
    }
    for (const key of gone) this.#remove(key, this.#objects.get(key));
    return page.resourceVersion;
  }

  async #follow(resourceVersion: string, signal: AbortSignal): Promise<void> {
    const { onError: _, transform: __, ...options } = this.#options;
    for await (const event of this.#client.watch<T>(this.kind, { ...options, resourceVersion, signal })) {
      if (event.type === "DELETED") this.#remove(objectKey(event.object), event.object);
      else if (event.type !== "BOOKMARK") this.#put(event.object);
    }
  }

  #put(received: T): void {
    const key = objectKey(received);
    const previous = this.#objects.get(key);
    if (previous?.metadata.resourceVersion === received.metadata.resourceVersion && previous !== undefined)
      return;
    const object = (this.#options.transform?.(received as never) ?? received) as T;
    this.#objects.set(key, object);
    this.#namespaceOf(object).set(key, object);
    // Another uid under the same name is another object: its deletion was missed.
    if (previous !== undefined && previous.metadata.uid !== object.metadata.uid) {
      this.#tell({ type: "deleted", object: previous });
      this.#tell({ type: "added", object });
    } else this.#tell(previous ? { type: "updated", object, previous } : { type: "added", object });
  }

  #remove(key: string, object: T | undefined): void {
    const previous = this.#objects.get(key);
    if (previous === undefined) return;
    this.#objects.delete(key);
    const namespace = previous.metadata.namespace ?? "";
    const siblings = this.#byNamespace.get(namespace);
    siblings?.delete(key);
    if (siblings?.size === 0) this.#byNamespace.delete(namespace);
    this.#tell({ type: "deleted", object: object ?? previous, previous });
  }

  #namespaceOf(object: T): Map<string, T> {
    const namespace = object.metadata.namespace ?? "";
    let objects = this.#byNamespace.get(namespace);
    if (objects === undefined) {
      objects = new Map();
      this.#byNamespace.set(namespace, objects);
    }
    return objects;
  }

  #tell(change: ObjectChange<T>): void {
    for (const listener of [...this.#listeners]) listener(change);
  }
}

function isExpired(error: unknown): boolean {
  return error instanceof ApiError && (error.code === 410 || error.status.reason === "Expired");
}
