import type { Endpoint, EndpointPort, EndpointSlice, Service } from "../../objects/types.ts";
import { endpointKey, sameEndpoint } from "./endpoint.ts";
import { labelsChanged, sliceLabels } from "./labels.ts";

/** What has to be done to slices. New ones have no name yet. */
export interface SliceChanges {
  create: EndpointSlice[];
  update: EndpointSlice[];
  delete: EndpointSlice[];
}

/** Makes an empty slice of the given ports. */
export type NewSlice = (ports: EndpointPort[]) => EndpointSlice;

/**
 * Places the endpoints of one set of ports into slices, touching as few slices as it can
 * (reconcileByPortMapping):
 * 1. endpoints that are in a slice stay there, changed where they changed; those no longer wanted go;
 * 2. slices that change anyway are filled up with new endpoints, the fullest first;
 * 3. what is left goes into the one unchanged slice that it fills best, else into new slices. `existing`
 *    slices are left as they are; what is returned are copies.
 */
export function packEndpoints(
  service: Service,
  existing: readonly EndpointSlice[],
  wanted: readonly Endpoint[],
  ports: EndpointPort[],
  maximum: number,
  newSlice: NewSlice,
): SliceChanges {
  const desired = new Map(wanted.map((endpoint) => [endpointKey(endpoint), endpoint]));
  const { changed, unchanged, emptied } = keepInPlace(service, existing, desired);
  const remaining = [...desired.values()];
  changed.sort((a, b) => countOf(b) - countOf(a));
  for (const slice of changed) fill(slice, remaining, maximum);
  const create: EndpointSlice[] = [];
  while (remaining.length > 0) {
    const found = remaining.length < maximum ? bestFit(unchanged, remaining.length, maximum) : undefined;
    if (found === undefined) {
      const slice = newSlice(ports);
      fill(slice, remaining, maximum);
      create.push(slice);
      continue;
    }
    unchanged.splice(unchanged.indexOf(found), 1);
    const slice = { ...found, endpoints: [...(found.endpoints ?? [])] };
    fill(slice, remaining, maximum);
    changed.push(slice);
  }
  return { create, update: changed, delete: emptied };
}

/** Takes what is in a slice already out of `desired`. */
function keepInPlace(service: Service, existing: readonly EndpointSlice[], desired: Map<string, Endpoint>) {
  const changed: EndpointSlice[] = [];
  const unchanged: EndpointSlice[] = [];
  const emptied: EndpointSlice[] = [];
  for (const slice of existing) {
    const { kept, touched } = keptOf(slice, desired);
    if (touched && kept.length === 0) emptied.push(slice);
    else if (touched || labelsChanged(slice, service)) {
      const metadata = { ...slice.metadata, labels: sliceLabels(service) };
      changed.push({ ...slice, metadata, endpoints: touched ? kept : slice.endpoints });
    } else unchanged.push(slice);
  }
  return { changed, unchanged, emptied };
}

function keptOf(
  slice: EndpointSlice,
  desired: Map<string, Endpoint>,
): { kept: Endpoint[]; touched: boolean } {
  const kept: Endpoint[] = [];
  let touched = false;
  for (const endpoint of slice.endpoints ?? []) {
    const key = endpointKey(endpoint);
    const wanted = desired.get(key);
    if (wanted === undefined || !sameEndpoint(wanted, endpoint)) touched = true;
    if (wanted === undefined) continue;
    kept.push(wanted);
    desired.delete(key);
  }
  return { kept, touched };
}

function fill(slice: EndpointSlice, remaining: Endpoint[], maximum: number): void {
  const room = Math.max(0, maximum - countOf(slice));
  slice.endpoints = [...(slice.endpoints ?? []), ...remaining.splice(0, room)];
}

/** The slice that is closest to full with so many endpoints more (getSliceToFill). */
function bestFit(
  slices: readonly EndpointSlice[],
  count: number,
  maximum: number,
): EndpointSlice | undefined {
  let best: EndpointSlice | undefined;
  let leastRoom = maximum;
  for (const slice of slices) {
    const room = maximum - (count + countOf(slice));
    if (room < 0 || room >= leastRoom) continue;
    leastRoom = room;
    best = slice;
  }
  return best;
}

function countOf(slice: EndpointSlice): number {
  return slice.endpoints?.length ?? 0;
}
