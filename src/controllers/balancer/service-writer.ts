import { KINDS } from "../../objects/kinds.ts";
import { ApiError } from "../../objects/status.ts";
import type { LoadBalancerIngress, Service } from "../../objects/types.ts";
import type { BalancerEvent, BalancerIngress, BalancerOutcome } from "../../traffic/balancer/provider.ts";
import type { ControllerContext } from "../runtime/context.ts";
import { sameValue } from "../runtime/equal.ts";
import { BALANCER_FINALIZER } from "./options.ts";

/** Who writes, as `kubectl describe service` shows it. */
const COMPONENT = "tandem-balancer";

/** Writes what came of a Service back to it: finalizer, status, annotations, events. */
export class ServiceWriter {
  readonly #context: ControllerContext;
  /** The last event of each Service, which is not repeated when nothing else came between. */
  readonly #lastEvents = new Map<string, string>();

  constructor(context: ControllerContext) {
    this.#context = context;
  }

  hasFinalizer({ metadata }: Service): boolean {
    return metadata.finalizers?.includes(BALANCER_FINALIZER) ?? false;
  }

  /** Before anything is made, so that nothing made can be forgotten; the annotations go with it in one write. */
  async addFinalizer(service: Service, annotations: Readonly<Record<string, string>>): Promise<void> {
    if (this.hasFinalizer(service)) return this.writeAnnotations(service, annotations);
    const finalizers = [...(service.metadata.finalizers ?? []), BALANCER_FINALIZER];
    const { resourceVersion } = service.metadata;
    await this.#withEvent(service, "FailedAddFinalizer", "Failed add finalizer due to", () =>
      this.#patch(service, { metadata: { finalizers, annotations, resourceVersion } }),
    );
  }

  async removeFinalizer(service: Service): Promise<void> {
    const finalizers = (service.metadata.finalizers ?? []).filter((name) => name !== BALANCER_FINALIZER);
    await this.#withEvent(service, "FailedRemoveFinalizer", "Failed remove finalizer due to", () =>
      this.#patch(service, {
        metadata: {
          finalizers: finalizers.length > 0 ? finalizers : null,
          resourceVersion: service.metadata.resourceVersion,
        },
      }),
    );
    this.forget(service);
  }

  /** The status as it should be; an empty list clears it. Says whether anything was written. */
  async writeStatus(service: Service, ingress: readonly BalancerIngress[]): Promise<boolean> {
    if (sameValue(service.status?.loadBalancer?.ingress ?? [], ingress)) return false;
    const [reason, text] =
      ingress.length > 0
        ? (["FailedUpdateStatus", "Failed update status due to"] as const)
        : (["FailedCleanupStatus", "Failed cleanup status due to"] as const);
    const loadBalancer = ingress.length > 0 ? { ingress: ingress as LoadBalancerIngress[] } : null;
    await this.#withEvent(service, reason, text, () =>
      this.#patch(service, { status: { loadBalancer } }, "status"),
    );
    return true;
  }

  async writeAnnotations(service: Service, annotations: BalancerOutcome["annotations"]): Promise<void> {
    const now = service.metadata.annotations ?? {};
    const changed = Object.entries(annotations ?? {}).filter(([key, value]) => (now[key] ?? null) !== value);
    if (changed.length > 0)
      await this.#patch(service, { metadata: { annotations: Object.fromEntries(changed) } });
  }

  /** Records an event unless it is the same as the Service's last one. */
  event(service: Service, { type, reason, message }: BalancerEvent): void {
    const key = service.metadata.uid ?? "";
    const text = `${reason}\n${message}`;
    if (this.#lastEvents.get(key) === text) return;
    this.#lastEvents.set(key, text);
    this.#context.events.record(COMPONENT, service, type, reason, message);
  }

  forget({ metadata }: Service): void {
    this.#lastEvents.delete(metadata.uid ?? "");
  }

  async #withEvent(
    service: Service,
    reason: string,
    text: string,
    write: () => Promise<void>,
  ): Promise<void> {
    try {
      await write();
    } catch (error) {
      // 404 and 409: gone, or changed meanwhile; the watch brings it again
      if (error instanceof ApiError && (error.code === 404 || error.code === 409)) throw error;
      this.event(service, { type: "Warning", reason, message: `${text} ${(error as Error).message}` });
      throw error;
    }
  }

  /** With the uid, so that a later Service of the same name is not taken for this one. */
  async #patch(
    service: Service,
    patch: { metadata?: object; status?: object },
    subresource?: string,
  ): Promise<void> {
    const { uid } = service.metadata;
    const body = { ...patch, metadata: { ...patch.metadata, uid } };
    await this.#context.writer.patch(KINDS.Service, service, body, {
      fieldManager: COMPONENT,
      ...(subresource && { subresource }),
    });
  }
}
