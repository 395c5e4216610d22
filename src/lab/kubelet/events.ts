import { randomBytes } from "node:crypto";
import type { KubeClient } from "../../client/index.ts";
import { KINDS } from "../../objects/kinds.ts";
import type { KubeEvent, ObjectReference } from "../../objects/types.ts";
import { formatTime } from "../../objects/time.ts";

/** What happened to an object. */
export interface EventFact {
  readonly object: ObjectReference;
  readonly type: "Normal" | "Warning";
  readonly reason: string;
  readonly message: string;
}

const MAX_QUEUED = 1_000;
const MAX_REMEMBERED = 1_000;

/**
 * Writes events in the background, one at a time and in order. The same fact again raises the count of the event that is
 * there. At most 1,000 wait; beyond that the oldest is dropped, as an event is never worth holding a pod up.
 */
export class EventRecorder {
  readonly #client: KubeClient;
  readonly #node: string;
  readonly #component: string;
  readonly #queue: EventFact[] = [];
  readonly #known = new Map<string, { name: string; count: number }>();
  #working = false;

  constructor(client: KubeClient, node: string, component = "kubelet") {
    this.#client = client;
    this.#node = node;
    this.#component = component;
  }

  record(fact: EventFact): void {
    if (this.#queue.length >= MAX_QUEUED) this.#queue.shift();
    this.#queue.push(fact);
    if (!this.#working) void this.#work();
  }

  async #work(): Promise<void> {
    this.#working = true;
    for (let fact = this.#queue.shift(); fact !== undefined; fact = this.#queue.shift()) {
      // a namespace under deletion refuses events, and a server that is away misses them: neither matters here
      await this.#write(fact).catch(() => {});
    }
    this.#working = false;
  }

  async #write(fact: EventFact): Promise<void> {
    const { object } = fact;
    const key = [object.uid, object.fieldPath, fact.reason, fact.message].join("\n");
    const known = this.#known.get(key);
    const now = formatTime(new Date());
    if (known !== undefined) {
      known.count++;
      const patch = { count: known.count, lastTimestamp: now };
      await this.#client.patch(KINDS.Event, known.name, object.namespace ?? "default", patch, {
        type: "merge",
      });
      return;
    }
    const name = `${object.name}.${randomBytes(8).toString("hex")}`;
    this.#remember(key, name);
    await this.#client.create<KubeEvent>(KINDS.Event, this.#eventOf(fact, name, now), {
      fieldManager: this.#component,
    });
  }

  #eventOf({ object, type, reason, message }: EventFact, name: string, now: string): object {
    return {
      metadata: { name, namespace: object.namespace ?? "default" },
      involvedObject: object,
      type,
      reason,
      message,
      count: 1,
      firstTimestamp: now,
      lastTimestamp: now,
      source: { component: this.#component, host: this.#node },
      reportingComponent: this.#component,
      reportingInstance: this.#node,
    };
  }

  #remember(key: string, name: string): void {
    if (this.#known.size >= MAX_REMEMBERED) this.#known.delete(this.#known.keys().next().value as string);
    this.#known.set(key, { name, count: 1 });
  }
}
