import { isDeepStrictEqual } from "node:util";
import type { KubeClient } from "../../client/index.ts";
import { KINDS } from "../../objects/kinds.ts";
import { ApiError } from "../../objects/status.ts";
import type { Condition, Pod, PodStatus } from "../../objects/types.ts";

const RETRY_FIRST_MS = 50;
const RETRY_MAX_MS = 5_000;

/**
 * Writes a pod's status whenever it has changed: at once, one write at a time, changes in between joined. A failed
 * write is tried again with back-off until it succeeds or the pod is gone.
 */
export class StatusWriter {
  readonly #client: KubeClient;
  readonly #read: () => { pod: Pod; status: PodStatus };
  #wanted = false;
  #closed = false;
  #written: PodStatus | undefined;
  #running: Promise<void> | undefined;

  constructor(client: KubeClient, read: () => { pod: Pod; status: PodStatus }) {
    this.#client = client;
    this.#read = read;
  }

  /** The status may have changed. */
  request(): void {
    if (this.#closed) return;
    this.#wanted = true;
    this.#running ??= this.#run();
  }

  /** Somebody else changed the status: it is written again even if it is the same as before. */
  rewrite(): void {
    this.#written = undefined;
    this.request();
  }

  /** Waits until the last status is written; then no more are. */
  async finish(): Promise<void> {
    this.request();
    this.#closed = true;
    await this.#running;
  }

  async #run(): Promise<void> {
    let delay = RETRY_FIRST_MS;
    // in the next turn, so that changes of one turn make one write
    await new Promise((resolve) => setImmediate(resolve));
    while (this.#wanted) {
      this.#wanted = false;
      const { pod, status } = this.#read();
      if (isDeepStrictEqual(status, this.#written)) continue;
      try {
        await this.#patch(pod, status);
        this.#written = status;
        delay = RETRY_FIRST_MS;
      } catch (error) {
        if (error instanceof ApiError && (error.code === 404 || error.code === 409)) break; // gone, or another of its name
        if (error instanceof ApiError && error.code < 500 && delay === RETRY_FIRST_MS)
          console.error(`status of pod ${pod.metadata.namespace}/${pod.metadata.name}: ${error.message}`);
        if (this.#closed && delay > RETRY_MAX_MS / 2) break;
        await new Promise((resolve) => setTimeout(resolve, delay));
        delay = Math.min(delay * 2, RETRY_MAX_MS);
        this.#wanted = true;
      }
    }
    this.#running = undefined;
  }

  /** The uid keeps the status from a later pod of the same name. */
  async #patch(pod: Pod, status: PodStatus): Promise<void> {
    const { name, namespace, uid } = pod.metadata;
    const patch = { metadata: { uid }, status: patchOf(status) };
    const options = { type: "strategic", subresource: "status", fieldManager: "kubelet" } as const;
    await this.#client.patch(KINDS.Pod, name, namespace, patch, options);
  }
}

/** The patch after which a status is this one. Addresses and conditions are merged by key: what is gone has to be said. */
function patchOf({ conditions, podIP, podIPs, hostIPs, ...rest }: PodStatus): object {
  return {
    ...rest,
    podIP: podIP ?? null,
    podIPs: replaced(podIPs),
    ...(hostIPs ? { hostIPs: replaced(hostIPs) } : {}),
    ...(conditions ? { conditions: conditions.map(withNulls) } : {}),
  };
}

function replaced(addresses: PodStatus["podIPs"] = []): object[] {
  return [{ $patch: "replace" }, ...addresses];
}

function withNulls({ reason, message, ...rest }: Condition): object {
  return { ...rest, reason: reason ?? null, message: message ?? null };
}
