import { randomBytes } from "node:crypto";
import type { KubeClient } from "../../client/index.ts";
import { KINDS } from "../../objects/kinds.ts";
import type { KubeEvent, KubeObject } from "../../objects/types.ts";
import { formatTime } from "../../objects/time.ts";

/** Events that are being written at once; those beyond are dropped, as client-go's broadcaster does. */
const MOST_UNDER_WAY = 1000;
/** Events remembered so that their repetition counts up instead of adding another one. */
const REMEMBERED = 1000;

/** Writes events on objects; repeated ones (same object, reason and text) become one with a count. */
export class EventRecorder {
  readonly #client: KubeClient;
  readonly #known = new Map<string, { namespace: string; name: string; count: number }>();
  readonly #underWay = new Set<Promise<void>>();

  constructor(client: KubeClient) {
    this.#client = client;
  }

  /** Records an event; failures are dropped, since an event must not hold up the work that it tells of. */
  record(
    source: string,
    object: KubeObject,
    type: "Normal" | "Warning",
    reason: string,
    message: string,
  ): void {
    if (this.#underWay.size >= MOST_UNDER_WAY) return;
    const key = [object.metadata.uid, reason, message].join("\n");
    const writing = this.#write(key, source, object, type, reason, message).catch(() => {});
    this.#underWay.add(writing);
    void writing.finally(() => this.#underWay.delete(writing));
  }

  /** Resolves when all events recorded so far are written. */
  async flush(): Promise<void> {
    await Promise.all(this.#underWay);
  }

  async #write(
    key: string,
    source: string,
    object: KubeObject,
    type: string,
    reason: string,
    message: string,
  ) {
    const now = formatTime(new Date());
    const known = this.#known.get(key);
    if (known !== undefined) {
      known.count++;
      const patch = { count: known.count, lastTimestamp: now };
      await this.#client.patch(KINDS.Event, known.name, known.namespace, patch, { type: "merge" });
      return;
    }
    const namespace = object.metadata.namespace ?? "default";
    const name = `${object.metadata.name}.${randomBytes(8).toString("hex")}`;
    this.#remember(key, { namespace, name, count: 1 });
    await this.#client.create<KubeEvent>(KINDS.Event, {
      metadata: { name, namespace },
      involvedObject: referenceTo(object),
      type,
      reason,
      message,
      source: { component: source },
      reportingComponent: source,
      count: 1,
      firstTimestamp: now,
      lastTimestamp: now,
    });
  }

  #remember(key: string, event: { namespace: string; name: string; count: number }): void {
    this.#known.set(key, event);
    const [oldest] = this.#known.keys();
    if (this.#known.size > REMEMBERED && oldest !== undefined) this.#known.delete(oldest);
  }
}

function referenceTo(object: KubeObject): KubeEvent["involvedObject"] {
  const { name, namespace, uid, resourceVersion } = object.metadata;
  return {
    apiVersion: object.apiVersion,
    kind: object.kind,
    name,
    ...(namespace ? { namespace } : {}),
    ...(uid ? { uid } : {}),
    ...(resourceVersion ? { resourceVersion } : {}),
  };
}
