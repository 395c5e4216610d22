import type { Endpoint, EndpointSlice, Service } from "../../objects/types.ts";
import { sameValue } from "../runtime/equal.ts";

const CLOSE = new Set(["PreferClose", "PreferSameZone", "PreferSameNode"]);

/**
 * The hints that a Service's `trafficDistribution` asks for on an endpoint (k8s.io/endpointslice
 * trafficdist.go): none without it; with it a ready endpoint's own zone, and for PreferSameNode its own node.
 * An endpoint that is not ready keeps what it has.
 */
function hintsFor(endpoint: Endpoint, distribution: string | undefined): Endpoint["hints"] {
  if (distribution === undefined || !CLOSE.has(distribution)) return undefined;
  if (endpoint.conditions?.ready !== true) return endpoint.hints;
  const { zone, nodeName } = endpoint;
  const hints = {
    ...(zone === undefined ? {} : { forZones: [{ name: zone }] }),
    ...(distribution === "PreferSameNode" && nodeName !== undefined
      ? { forNodes: [{ name: nodeName }] }
      : {}),
  };
  return Object.keys(hints).length === 0 ? undefined : hints;
}

/**
 * Sets the hints of all endpoints of a slice. The given slice stays as it is; it is returned when nothing
 * changes.
 * @param distribution the Service's `trafficDistribution`; undefined takes all hints away
 */
export function withHints(slice: EndpointSlice, distribution: string | undefined): EndpointSlice {
  let changed = false;
  const endpoints = (slice.endpoints ?? []).map((endpoint) => {
    const hints = hintsFor(endpoint, distribution);
    if (sameValue(hints, endpoint.hints)) return endpoint;
    changed = true;
    const { hints: _, ...bare } = endpoint;
    return hints === undefined ? bare : { ...bare, hints };
  });
  return changed ? { ...slice, endpoints } : slice;
}

/** Whether endpoints are to be spread over zones; the annotation takes precedence over `trafficDistribution`. */
export function asksForTopology(service: Service): boolean {
  const annotations = service.metadata.annotations ?? {};
  const mode =
    annotations["service.kubernetes.io/topology-aware-hints"] ??
    annotations["service.kubernetes.io/topology-mode"];
  return mode === "Auto" || mode === "auto";
}
