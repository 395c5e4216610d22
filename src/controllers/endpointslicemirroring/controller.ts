import { KINDS, objectKey } from "../../objects/kinds.ts";
import type { Endpoints, EndpointSlice, Service } from "../../objects/types.ts";
import { ManagedSlices, writeSlices } from "../endpointslice/managed.ts";
import type { ControllerContext } from "../runtime/context.ts";
import { MAX_PER_SUBSET, MIRROR_NAME, type MirrorChanges, mirrorEndpoints } from "./reconcile.ts";

const SKIP_LABEL = "endpointslice.kubernetes.io/skip-mirror";
const LEADER_ANNOTATION = "control-plane.alpha.kubernetes.io/leader";
const SOURCE = "endpoint-slice-mirroring-controller";

/**
 * Mirrors Endpoints that somebody wrote by hand, for Services without a selector, as EndpointSlices of both families:
 * those are what traffic and names follow.
 */
export function runEndpointSliceMirroring(context: ControllerContext): void {
  const { informers, writer, events } = context;
  const services = informers.of<Service>(KINDS.Service);
  const endpoints = informers.of<Endpoints>(KINDS.Endpoints);
  const slices = new ManagedSlices(MIRROR_NAME);

  const queue = context.queue({ name: "endpointslicemirroring" }, async (key) => {
    const present = slices.of(key);
    const source = endpoints.get(key);
    if (source === undefined || !isMirrored(source, services.get(key))) {
      await writeSlices(writer, { create: [], update: [], delete: present });
      return;
    }
    const changes = mirrorEndpoints(source, present);
    tell(source, changes);
    await writeSlices(writer, changes);
  });

  function tell(source: Endpoints, { invalid, tooMany }: MirrorChanges): void {
    if (invalid > 0) {
      const text = `Skipped ${invalid} invalid IP addresses when mirroring to EndpointSlices`;
      events.record(SOURCE, source, "Warning", "InvalidIPAddress", text);
    }
    if (tooMany > 0) {
      const limit = `A max of ${MAX_PER_SUBSET} addresses can be mirrored to EndpointSlices per Endpoints subset.`;
      const text = `${limit} ${invalid + tooMany} addresses were skipped`;
      events.record(SOURCE, source, "Warning", "TooManyAddressesToMirror", text);
    }
  }

  services.onChange(({ object }) => queue.add(objectKey(object)));
  endpoints.onChange(({ object }) => queue.add(objectKey(object)));
  informers.of<EndpointSlice>(KINDS.EndpointSlice).onChange((change) => {
    for (const key of slices.take(change)) queue.add(key);
  });
}

/** Endpoints of a Service with a selector are a controller's, and those of a leader election lead nowhere. */
function isMirrored({ metadata }: Endpoints, service: Service | undefined): boolean {
  return (
    service !== undefined &&
    service.spec.selector === undefined &&
    metadata.labels?.[SKIP_LABEL] !== "true" &&
    metadata.annotations?.[LEADER_ANNOTATION] === undefined
  );
}
