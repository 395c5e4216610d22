import { Backoff, pause } from "../../client/index.ts";
import { KINDS, objectKey } from "../../objects/kinds.ts";
import { ApiError } from "../../objects/status.ts";
import type { Service } from "../../objects/types.ts";
import { EventRecorder } from "../kubelet/events.ts";
import { type Assignment, type BalancerAddresses, isOurs } from "./addresses.ts";
import type { CloudContext } from "./context.ts";
import { statusOf } from "./status.ts";

const COMPONENT = "tandem-lab-cloud";

/** Writes the addresses of Services into their statuses, one Service after the other. */
export class AddressKeeper {
  readonly #context: CloudContext;
  readonly #addresses: BalancerAddresses;
  readonly #events: EventRecorder;
  readonly #waiting = new Set<string>();
  /** Services that lack an address: looked at again once another Service has given one back. */
  readonly #refused = new Set<string>();
  #working: Promise<void> | undefined;

  constructor(context: CloudContext) {
    const { client, plan, addresses } = context;
    this.#context = context;
    this.#events = new EventRecorder(client, plan.name, COMPONENT);
    this.#addresses = addresses;
  }

  /** Those that have addresses come first, so that nobody else gets them. */
  start(): Promise<void> {
    const has = (service: Service) => (service.status?.loadBalancer?.ingress ?? []).length > 0;
    const all = this.#context.services.list();
    for (const service of [...all.filter(has), ...all.filter((service) => !has(service))])
      this.#waiting.add(objectKey(service));
    this.#context.services.onChange(({ object }) => this.#add(objectKey(object)));
    return this.#work();
  }

  #add(key: string): void {
    this.#waiting.add(key);
    void this.#work();
  }

  #work(): Promise<void> {
    this.#working ??= this.#workAll().finally(() => {
      this.#working = undefined;
      if (this.#waiting.size > 0 && !this.#context.signal.aborted) void this.#work();
    });
    return this.#working;
  }

  async #workAll(): Promise<void> {
    const backoff = new Backoff();
    for (const key of this.#waiting) {
      if (this.#context.signal.aborted) return;
      this.#waiting.delete(key);
      try {
        await this.#settle(key);
        backoff.reset();
      } catch (error) {
        this.#context.log(`addresses of Service ${key}: ${(error as Error).message}`);
        this.#waiting.add(key); // the loop comes to it again
        await pause(backoff.next(), this.#context.signal);
      }
    }
  }

  async #settle(key: string): Promise<void> {
    const service = this.#context.services.get(key);
    if (service === undefined || !isOurs(service)) {
      this.#refused.delete(key);
      if (this.#addresses.release(key)) this.#tryRefused(key);
      return;
    }
    const assignment = this.#addresses.assign(service);
    if (assignment.problems.length > 0) this.#refused.add(key);
    else this.#refused.delete(key);
    const status = statusOf(service, assignment);
    if (status === undefined) return;
    this.#tryRefused(key);
    await this.#write(service, assignment, status);
  }

  #tryRefused(cause: string): void {
    for (const key of this.#refused) if (key !== cause) this.#waiting.add(key);
  }

  async #write(service: Service, assignment: Assignment, status: Service["status"]): Promise<void> {
    const { name, namespace, uid, resourceVersion } = service.metadata;
    const object = { apiVersion: "v1", kind: "Service", name, namespace, uid } as never;
    for (const { reason, message } of assignment.problems)
      this.#events.record({ object, type: "Warning", reason, message });
    try {
      // with its version, as addresses go by what the Service was when they were chosen
      const patch = { metadata: { resourceVersion }, status };
      const options = { type: "merge", subresource: "status", fieldManager: COMPONENT } as const;
      await this.#context.client.patch(KINDS.Service, name, namespace, patch, options);
    } catch (error) {
      // gone, or changed: the watch brings it again
      if (!(error instanceof ApiError && (error.code === 404 || error.code === 409))) throw error;
    }
  }
}
