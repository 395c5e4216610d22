import { KINDS, objectKey } from "../../objects/kinds.ts";
import type { Endpoints, Pod, Service } from "../../objects/types.ts";
import { isSelecting, selectedPods, servicesOfChange } from "../endpointslice/selection.ts";
import { TriggerTimes } from "../endpointslice/trigger-time.ts";
import type { ControllerContext } from "../runtime/context.ts";
import { isNamespaceTerminating } from "../runtime/terminating.ts";
import { reconcileEndpoints } from "./reconcile.ts";

/** Keeps the legacy Endpoints of every Service with a selector. */
export function runEndpoints(context: ControllerContext): void {
  const { informers, writer } = context;
  const services = informers.of<Service>(KINDS.Service);
  const pods = informers.of<Pod>(KINDS.Pod);
  const endpoints = informers.of<Endpoints>(KINDS.Endpoints);
  const triggerTimes = new TriggerTimes();

  const queue = context.queue({ name: "endpoints" }, async (key) => {
    const service = services.get(key);
    const current = endpoints.get(key);
    if (service === undefined) {
      triggerTimes.forget(key);
      return;
    }
    if (!isSelecting(service) || service.metadata.deletionTimestamp !== undefined) return;
    const selected = selectedPods(pods, service);
    const next = reconcileEndpoints(service, selected, current, triggerTimes.next(key, service, selected));
    if (next === undefined) return;
    try {
      if (current === undefined) await writer.create<Endpoints>(KINDS.Endpoints, next);
      else await writer.update(KINDS.Endpoints, next);
    } catch (error) {
      if (!isNamespaceTerminating(error)) throw error;
    }
  });

  services.onChange(({ type, object }) => {
    // The API server removes a Service's Endpoints with it; should they be left, nothing else would.
    const left = type === "deleted" ? endpoints.get(objectKey(object)) : undefined;
    if (left !== undefined && isSelecting(object)) void writer.delete(KINDS.Endpoints, left).catch(() => {});
    queue.add(objectKey(object));
  });
  pods.onChange((change) => {
    for (const key of servicesOfChange(services, change)) queue.add(key);
  });
  endpoints.onChange(({ object }) => {
    if (services.get(objectKey(object)) !== undefined) queue.add(objectKey(object));
  });
}
