import { KINDS, objectKey } from "../../objects/kinds.ts";
import type { EndpointSlice, Node, Pod, Service } from "../../objects/types.ts";
import type { ControllerContext } from "../runtime/context.ts";
import { sameValue } from "../runtime/equal.ts";
import { CONTROLLER_NAME } from "./labels.ts";
import { asksForTopology } from "./hints.ts";
import { ManagedSlices, writeSlices } from "./managed.ts";
import { reconcileSlices } from "./reconcile.ts";
import { isSelecting, selectedPods, servicesOfChange } from "./selection.ts";
import { tellsSameOfZones, type ZoneShares, zoneShares } from "./topology.ts";
import { TriggerTimes } from "./trigger-time.ts";

/**
 * Keeps the EndpointSlices of every Service with a selector; a change of a pod is written as soon as it is
 * seen.
 */
export function runEndpointSlices(context: ControllerContext): void {
  const { informers, writer, events, options } = context;
  const services = informers.of<Service>(KINDS.Service);
  const pods = informers.of<Pod>(KINDS.Pod);
  const nodes = informers.of<Node>(KINDS.Node);
  const slices = new ManagedSlices(CONTROLLER_NAME);
  const triggerTimes = new TriggerTimes();
  let shares: ZoneShares | undefined;

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
      ...(shares === undefined ? {} : { zoneShares: shares }),
      onTopology: (reason, text) => {
        const type = reason === "TopologyAwareHintsEnabled" ? "Normal" : "Warning";
        events.record("endpoint-slice-controller", service, type, reason, text);
      },
      ...(options.maxEndpointsPerSlice ? { maxEndpointsPerSlice: options.maxEndpointsPerSlice } : {}),
    });
    await writeSlices(writer, changes);
  });

  /** Services that are spread over zones are so anew when the zones' shares change. */
  function takeShares(): void {
    const before = shares;
    shares = zoneShares(nodes.list());
    if (sameValue(entriesOf(before), entriesOf(shares))) return;
    for (const service of services.list()) if (asksForTopology(service)) queue.add(objectKey(service));
  }

  services.onChange(({ object }) => queue.add(objectKey(object)));
  pods.onChange((change) => {
    for (const key of servicesOfChange(services, change)) queue.add(key);
  });
  // Pods of a node that is not known are left out, so that a new node brings in its pods.
  nodes.onChange(({ type, object, previous }) => {
    if (previous === undefined || type === "deleted" || !tellsSameOfZones(object, previous)) takeShares();
    if (type === "updated") return;
    for (const pod of pods.list()) {
      if (pod.spec.nodeName !== object.metadata.name) continue;
      for (const key of servicesOfChange(services, { type: "added", object: pod })) queue.add(key);
    }
  });
  informers.of<EndpointSlice>(KINDS.EndpointSlice).onChange((change) => {
    for (const key of slices.take(change)) queue.add(key);
  });
}

function entriesOf(shares: ZoneShares | undefined): unknown {
  return shares === undefined ? undefined : [...shares].sort();
}
