import { KINDS, objectKey } from "../../objects/kinds.ts";
import type { EndpointSlice, Node, Pod, Service } from "../../objects/types.ts";
import type { ControllerContext } from "../runtime/context.ts";
import { isNamespaceTerminating } from "../runtime/terminating.ts";
import { CONTROLLER_NAME, MANAGED_BY_LABEL, SERVICE_NAME_LABEL } from "./labels.ts";
import type { SliceChanges } from "./pack.ts";
import { reconcileSlices } from "./reconcile.ts";
import { isSelecting, selectedPods, servicesOfChange } from "./selection.ts";
import { TriggerTimes } from "./trigger-time.ts";

/**
 * Keeps the EndpointSlices of every Service with a selector; a change of a pod is written as soon as it is
 * seen.
 */
export function runEndpointSlices(context: ControllerContext): void {
  const { informers, writer, options } = context;
  const services = informers.of<Service>(KINDS.Service);
  const pods = informers.of<Pod>(KINDS.Pod);
  const nodes = informers.of<Node>(KINDS.Node);
  const slices = new SlicesByService();
  const triggerTimes = new TriggerTimes();

  const queue = context.queue({ name: "endpointslice" }, async (key) => {
    const service = services.get(key);
    if (service === undefined) return triggerTimes.forget(key);
    if (!isSelecting(service)) return;
    const selected = selectedPods(pods, service);
    const triggerTime = triggerTimes.next(key, service, selected);
    const changes = reconcileSlices({
      service,
      pods: selected,
      slices: slices.of(key),
      nodeOf: (name) => nodes.get(name),
      ...(triggerTime === undefined ? {} : { triggerTime }),
      ...(options.maxEndpointsPerSlice ? { maxEndpointsPerSlice: options.maxEndpointsPerSlice } : {}),
    });
    await write(changes);
  });

  /** First what is new, last what goes: no endpoint is missing in between. */
  async function write(changes: SliceChanges): Promise<void> {
    try {
      await Promise.all(
        changes.create.map((slice) => writer.create<EndpointSlice>(KINDS.EndpointSlice, slice)),
      );
    } catch (error) {
      // Creating goes on failing while the namespace goes; there is nothing to retry.
      if (!isNamespaceTerminating(error)) throw error;
      return;
    }
    await Promise.all(changes.update.map((slice) => writer.update(KINDS.EndpointSlice, slice)));
    await Promise.all(changes.delete.map((slice) => writer.delete(KINDS.EndpointSlice, slice)));
  }

  services.onChange(({ object }) => queue.add(objectKey(object)));
  pods.onChange((change) => {
    for (const key of servicesOfChange(services, change)) queue.add(key);
  });
  // Pods of a node that is not known are left out, so that a new node brings in its pods.
  nodes.onChange(({ type, object }) => {
    if (type === "updated") return;
    for (const pod of pods.list()) {
      if (pod.spec.nodeName !== object.metadata.name) continue;
      for (const key of servicesOfChange(services, { type: "added", object: pod })) queue.add(key);
    }
  });
  informers.of<EndpointSlice>(KINDS.EndpointSlice).onChange(({ type, object, previous }) => {
    for (const slice of previous === undefined ? [object] : [object, previous]) {
      const key = serviceKeyOf(slice);
      if (key !== undefined && slice.metadata.labels?.[MANAGED_BY_LABEL] === CONTROLLER_NAME) queue.add(key);
    }
    if (previous !== undefined) slices.remove(previous);
    if (type === "deleted") slices.remove(object);
    else slices.add(object);
  });
}

function serviceKeyOf(slice: EndpointSlice): string | undefined {
  const name = slice.metadata.labels?.[SERVICE_NAME_LABEL];
  return name ? `${slice.metadata.namespace}/${name}` : undefined;
}

/** The slices that this controller manages, by their Service. */
class SlicesByService {
  readonly #slices = new Map<string, Map<string, EndpointSlice>>();

  of(key: string): EndpointSlice[] {
    const slices = this.#slices.get(key);
    if (slices === undefined) return [];
    return [...slices.values()].filter(({ metadata }) => metadata.deletionTimestamp === undefined);
  }

  add(slice: EndpointSlice): void {
    const key = serviceKeyOf(slice);
    if (key === undefined || slice.metadata.labels?.[MANAGED_BY_LABEL] !== CONTROLLER_NAME) return;
    const slices = this.#slices.get(key) ?? new Map<string, EndpointSlice>();
    this.#slices.set(key, slices.set(slice.metadata.name, slice));
  }

  remove(slice: EndpointSlice): void {
    const key = serviceKeyOf(slice);
    const slices = key === undefined ? undefined : this.#slices.get(key);
    slices?.delete(slice.metadata.name);
    if (key !== undefined && slices?.size === 0) this.#slices.delete(key);
  }
}
