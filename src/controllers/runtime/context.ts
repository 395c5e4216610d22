import type { KubeClient } from "../../client/index.ts";
import { ApiError } from "../../objects/status.ts";
import type { EventRecorder } from "./events.ts";
import type { Informers } from "./informers.ts";
import { WorkQueue, type WorkQueueOptions } from "./work-queue.ts";
import type { Writer } from "./writer.ts";

/** What the controllers need to know of their cluster. */
export interface ControllerOptions {
  /** The pod ranges in the cluster's order of families, as text; none: nodes get no ranges. */
  readonly clusterCidrs?: readonly string[];
  /** The Service ranges, which no node may get a part of. */
  readonly serviceCidrs?: readonly string[];
  /** Prefix lengths of the nodes' ranges; /24 and /64 by default. */
  readonly nodeMaskSizeIPv4?: number;
  readonly nodeMaskSizeIPv6?: number;
  /** Endpoints per slice, 1 to 1000; 100 by default. */
  readonly maxEndpointsPerSlice?: number;
  /** Milliseconds without a sign of life after which a node is not ready; 50,000 by default. */
  readonly nodeMonitorGracePeriod?: number;
  /** PEM text of the CA that pods trust, for kube-root-ca.crt; the client's own CA by default. */
  readonly rootCa?: string;
  /** Told what went wrong and is tried again, one line each; nothing is printed by default. */
  readonly log?: (line: string) => void;
}

/** What every controller is made of: caches to read, a client to write, a queue of its own. */
export class ControllerContext {
  readonly client: KubeClient;
  readonly informers: Informers;
  readonly writer: Writer;
  readonly events: EventRecorder;
  readonly options: ControllerOptions;
  readonly signal: AbortSignal;
  readonly #queues: WorkQueue[] = [];
  readonly #starters: (() => void)[] = [];
  readonly #endings: (() => Promise<void>)[] = [];

  constructor(
    parts: Pick<ControllerContext, "client" | "informers" | "writer" | "events" | "options" | "signal">,
  ) {
    this.client = parts.client;
    this.informers = parts.informers;
    this.writer = parts.writer;
    this.events = parts.events;
    this.options = parts.options;
    this.signal = parts.signal;
  }

  /** A queue that starts when all caches are filled, and ends with the signal. */
  queue(options: WorkQueueOptions, work: (key: string) => Promise<void>): WorkQueue {
    const onFailure = (key: string, error: unknown, dropped: boolean): void => {
      // Somebody else was quicker, as is usual: the retry reads what they wrote.
      if (!dropped && error instanceof ApiError && (error.code === 409 || error.code === 404)) return;
      const what = dropped ? "given up" : "tried again";
      this.options.log?.(`${options.name} ${key} (${what}): ${(error as Error).message}`);
    };
    const queue = new WorkQueue({ onFailure, ...options }, work);
    this.#queues.push(queue);
    return queue;
  }

  /** Calls a function again and again, once all caches are filled, until the signal aborts. */
  every(milliseconds: number, tick: () => void): void {
    this.#starters.push(() => {
      const timer = setInterval(tick, milliseconds);
      this.signal.addEventListener("abort", () => clearInterval(timer), { once: true });
      tick();
    });
  }

  /** Has `stop` wait for something else that ends with the signal. */
  onStop(ended: () => Promise<void>): void {
    this.#endings.push(ended);
  }

  /** Starts the queues and timers. */
  start(): void {
    for (const queue of this.#queues) queue.start();
    for (const starter of this.#starters) starter();
  }

  /** Resolves when no queue works any longer. */
  async stop(): Promise<void> {
    await Promise.all(this.#queues.map((queue) => queue.stop()));
    await Promise.all(this.#endings.map((ended) => ended()));
    await this.events.flush();
  }
}
