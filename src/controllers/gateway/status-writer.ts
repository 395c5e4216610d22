import type { KubeClient } from "../../client/index.ts";
import type { Kind } from "../../objects/kinds.ts";
import { ApiError } from "../../objects/status.ts";
import type { KubeObject } from "../../objects/types.ts";
import { formatTime } from "../../objects/time.ts";
import { WorkQueue } from "../runtime/work-queue.ts";
import { type News, newsOf } from "./condition-news.ts";
import { mergeStatus, statusPatch } from "./status-merge.ts";

/** The status that one object is to have; conditions need no `lastTransitionTime`. */
export interface DesiredStatus {
  readonly kind: Kind;
  /** `namespace/name`, or the name alone. */
  readonly key: string;
  readonly status: object;
}

/** What writing statuses needs. */
export interface StatusWriterOptions {
  readonly client: KubeClient;
  /** Whose entries of `parents` and `ancestors` are ours. */
  readonly controllerName: string;
  /** The object as a cache has it. */
  readonly current: (kind: Kind, key: string) => KubeObject | undefined;
  /** What is written of a wish, where more than the wish itself decides; `recheck` has it asked again. */
  readonly amend?: (kind: Kind, key: string, status: object) => object;
  /** Takes what has become worse or well again, each time that a status was written. */
  readonly tell?: (object: KubeObject, news: readonly News[]) => void;
  readonly log?: (line: string) => void;
}

/** Few at once: a burst of routes must not hold up what serves them. */
const WORKERS = 4;
/** Somebody else was quicker: their version arrives through the cache by then, in milliseconds. */
const CONFLICT_PAUSE = 20;

/**
 * Writes statuses: the newest wish of each object, in the order of the wishes, where the object does not have it yet.
 * A conflict is tried again with what the cache has by then. Holds one entry per object. Wishes can be told at any time;
 * they are written while it is started.
 */
export class StatusWriter {
  readonly #options: StatusWriterOptions;
  readonly #wishes = new Map<string, DesiredStatus>();
  readonly #queue: WorkQueue;

  constructor(options: StatusWriterOptions) {
    this.#options = options;
    const onFailure = (id: string, error: unknown): void => {
      if (isConflict(error)) return;
      options.log?.(`status of ${id}: ${(error as Error).message}`);
    };
    const queueOptions = { name: "gateway-status", workers: WORKERS, firstRetry: CONFLICT_PAUSE, onFailure };
    this.#queue = new WorkQueue(queueOptions, (id) => this.#write(id));
  }

  /** Begins to write, or goes on. */
  start(): void {
    this.#queue.start();
  }

  /** Writes nothing until the next start; resolves when no write is under way. */
  pause(): Promise<void> {
    return this.#queue.pause();
  }

  /** Replaces what is wished of these objects. */
  set(wishes: Iterable<DesiredStatus>): void {
    for (const wish of wishes) {
      const id = idOf(wish.kind, wish.key);
      this.#wishes.set(id, wish);
      this.#queue.add(id);
    }
  }

  /** Has the status of an object compared again, as when somebody else has written it; forgets one that is gone. */
  recheck(kind: Kind, type: "added" | "updated" | "deleted", key: string): void {
    const id = idOf(kind, key);
    if (type === "deleted") this.#wishes.delete(id);
    if (this.#wishes.has(id)) this.#queue.add(id);
  }

  /** Resolves when no write is under way; no further one begins. */
  stop(): Promise<void> {
    return this.#queue.stop();
  }

  async #write(id: string): Promise<void> {
    const wish = this.#wishes.get(id);
    if (wish === undefined) return;
    const object = this.#options.current(wish.kind, wish.key) as StatusObject | undefined;
    if (object === undefined) return;
    const { client, controllerName, amend, tell } = this.#options;
    const wished = (amend?.(wish.kind, wish.key, wish.status) ?? wish.status) as Fields;
    const next = mergeStatus(object.status, wished, controllerName, formatTime(new Date()));
    if (next === undefined) return;
    const { name, namespace, resourceVersion } = object.metadata;
    const patch = { metadata: { resourceVersion }, status: statusPatch(object.status, next) };
    try {
      await client.patch(wish.kind, name, namespace, patch, { type: "merge", subresource: "status" });
    } catch (error) {
      if (error instanceof ApiError && error.code === 404) return;
      throw error;
    }
    tell?.(object, newsOf(object.status, next, controllerName));
  }
}

type Fields = Readonly<Record<string, unknown>>;
type StatusObject = KubeObject & { readonly status?: Fields };

function idOf(kind: Kind, key: string): string {
  return `${kind.kind}/${key}`;
}

function isConflict(error: unknown): boolean {
  return error instanceof ApiError && error.code === 409;
}
