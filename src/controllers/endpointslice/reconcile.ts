import { familyOfText, parseAddressAsGo } from "../../ip/address.ts";
import { FAMILIES, type Family } from "../../ip/family.ts";
import { KINDS } from "../../objects/kinds.ts";
import type { Endpoint, EndpointPort, EndpointSlice, Node, Pod, Service } from "../../objects/types.ts";
import { sameValue } from "../runtime/equal.ts";
import { controllerReference } from "../runtime/owners.ts";
import { canBeEndpoint, endpointOf, endpointPortsOf, portsKey } from "./endpoint.ts";
import { asksForTopology, withHints } from "./hints.ts";
import { sliceLabels } from "./labels.ts";
import { packEndpoints, type SliceChanges } from "./pack.ts";
import { spreadOverZones, type ZoneShares } from "./topology.ts";

/** Tells when the change happened that a slice was written for last (RFC 3339). */
export const TRIGGER_TIME_ANNOTATION = "endpoints.kubernetes.io/last-change-trigger-time";

/** Everything that a Service's slices follow from. */
export interface SliceInput {
  readonly service: Service;
  /** The pods that the Service selects. */
  readonly pods: readonly Pod[];
  /** The slices that this controller manages for the Service, without those being deleted. */
  readonly slices: readonly EndpointSlice[];
  readonly nodeOf: (name: string) => Node | undefined;
  /** When the change happened that is worked in now (RFC 3339); undefined when that is not known. */
  readonly triggerTime?: string;
  /** 100 by default. */
  readonly maxEndpointsPerSlice?: number;
  /** The zones' shares of CPUs; undefined where nodes do not tell enough. */
  readonly zoneShares?: ZoneShares;
  /** Told that hints of zones come, or why there are none, per family. */
  readonly onTopology?: (
    reason: "TopologyAwareHintsEnabled" | "TopologyAwareHintsDisabled",
    text: string,
  ) => void;
}

/**
 * What has to be done to a Service's EndpointSlices, exactly as the real controller does it
 * (k8s.io/endpointslice reconciler.go of v1.35): a set of slices per family of the Service, grouped by the
 * ports that the pods serve; one empty slice where a family has no endpoint. Families that the Service no
 * longer has lose theirs. Pods whose Node object is missing are left out, unless the Service publishes
 * addresses that are not ready.
 */
export function reconcileSlices(input: SliceInput): SliceChanges {
  const families = familiesOfService(input.service);
  const changes: SliceChanges = { create: [], update: [], delete: [] };
  for (const family of FAMILIES.filter((candidate) => families.includes(candidate))) {
    const ofFamily = reconcileFamily(input, family);
    changes.create.push(...ofFamily.create);
    changes.update.push(...ofFamily.update);
    changes.delete.push(...ofFamily.delete);
  }
  changes.delete.push(...input.slices.filter(({ addressType }) => !families.includes(addressType as Family)));
  return changes;
}

/**
 * Services from before dual stack name no family: it is their address's, or both (getAddressTypesForService).
 */
function familiesOfService(service: Service): readonly Family[] {
  const { ipFamilies = [], clusterIP } = service.spec;
  if (ipFamilies.length > 0) return ipFamilies;
  if (!clusterIP || clusterIP === "None") return FAMILIES;
  return [parseAddressAsGo(clusterIP)?.family ?? familyOfText(clusterIP) ?? "IPv4"];
}

function reconcileFamily(input: SliceInput, family: Family): SliceChanges {
  const { service, maxEndpointsPerSlice = 100 } = input;
  const existing = input.slices.filter(({ addressType }) => addressType === family);
  const newSlice = (ports: EndpointPort[]): EndpointSlice => emptySlice(service, family, ports);
  const total: SliceChanges = { create: [], update: [], delete: [] };
  const byPorts = Map.groupBy(
    existing.filter((slice) => ownedBy(slice, service)),
    (slice) => portsKey(slice.ports),
  );
  total.delete.push(...existing.filter((slice) => !ownedBy(slice, service)));
  for (const [key, { ports, endpoints }] of desiredGroups(input, family)) {
    const group = packEndpoints(
      service,
      byPorts.get(key) ?? [],
      endpoints,
      ports,
      maxEndpointsPerSlice,
      newSlice,
    );
    byPorts.delete(key);
    total.create.push(...group.create);
    total.update.push(...group.update);
    total.delete.push(...group.delete);
  }
  for (const slices of byPorts.values()) total.delete.push(...slices);
  keepPlaceholder(total, existing, newSlice([]));
  addHints(total, existing, input, family);
  reuseDeleted(total, service);
  if (service.metadata.deletionTimestamp !== undefined) total.create = [];
  for (const list of [total.create, total.update]) stamp(list, input.triggerTime);
  return total;
}

interface Group {
  readonly ports: EndpointPort[];
  readonly endpoints: Endpoint[];
}

function desiredGroups({ service, pods, nodeOf }: SliceInput, family: Family): Map<string, Group> {
  const groups = new Map<string, Group>();
  for (const pod of pods) {
    if (!canBeEndpoint(pod)) continue;
    const ports = endpointPortsOf(service, pod);
    const key = portsKey(ports);
    const group = groups.get(key) ?? { ports, endpoints: [] };
    groups.set(key, group);
    const node = nodeOf(pod.spec.nodeName ?? "");
    if (node === undefined && service.spec.publishNotReadyAddresses !== true) continue;
    const endpoint = endpointOf(pod, node, service, family);
    if (endpoint !== undefined) group.endpoints.push(endpoint);
  }
  return groups;
}

function ownedBy(slice: EndpointSlice, service: Service): boolean {
  return (slice.metadata.ownerReferences ?? []).some(
    ({ uid, kind, apiVersion }) => uid === service.metadata.uid && kind === "Service" && apiVersion === "v1",
  );
}

function emptySlice(service: Service, addressType: Family, ports: EndpointPort[]): EndpointSlice {
  const { name, namespace } = service.metadata;
  return {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: {
      generateName: `${name}-`,
      ...(namespace === undefined ? {} : { namespace }),
      labels: sliceLabels(service),
      ownerReferences: [controllerReference(KINDS.Service, service)],
    } as EndpointSlice["metadata"],
    addressType,
    endpoints: [],
    ports,
  };
}

/** Where no slice would be left, an empty one stands in; one that stands there already is kept. */
function keepPlaceholder(
  total: SliceChanges,
  existing: readonly EndpointSlice[],
  placeholder: EndpointSlice,
): void {
  if (existing.length !== total.delete.length || total.create.length > 0) return;
  const [only] = total.delete;
  if (total.delete.length === 1 && only !== undefined && samePlaceholder(only, placeholder))
    total.delete = [];
  else total.create.push(placeholder);
}

function samePlaceholder(slice: EndpointSlice, placeholder: EndpointSlice): boolean {
  return (
    sameValue(slice.endpoints, placeholder.endpoints) &&
    sameValue(slice.ports, placeholder.ports) &&
    sameValue(slice.metadata.labels, placeholder.metadata.labels)
  );
}

/** Hints go onto all slices that are written, and have slices written that are otherwise unchanged. */
function addHints(
  total: SliceChanges,
  existing: readonly EndpointSlice[],
  input: SliceInput,
  family: Family,
): void {
  const { service } = input;
  const touched = new Set([...total.update, ...total.delete].map(({ metadata }) => metadata.name));
  const unchanged = existing.filter(({ metadata }) => !touched.has(metadata.name));
  const isSpread = asksForTopology(service) && spread(total, unchanged, existing, input, family);
  if (isSpread) return;
  const distribution = asksForTopology(service) ? undefined : service.spec.trafficDistribution;
  total.create = total.create.map((slice) => withHints(slice, distribution));
  total.update = total.update.map((slice) => withHints(slice, distribution));
  for (const slice of unchanged) {
    const hinted = withHints(slice, distribution);
    if (hinted !== slice) total.update.push(hinted);
  }
}

/** Spreads endpoints over zones, and tells when that begins and why it cannot be; whether it could. */
function spread(
  total: SliceChanges,
  unchanged: readonly EndpointSlice[],
  existing: readonly EndpointSlice[],
  { zoneShares, onTopology }: SliceInput,
  family: Family,
): boolean {
  const { create, update } = total;
  const result = spreadOverZones({ create, update, unchanged }, zoneShares, family);
  if ("why" in result) {
    onTopology?.("TopologyAwareHintsDisabled", result.why);
    return false;
  }
  const had = existing.some(({ endpoints }) => endpoints?.some(({ hints }) => hints !== undefined));
  if (!had)
    onTopology?.(
      "TopologyAwareHintsEnabled",
      `Topology Aware Hints has been enabled, addressType: ${family}`,
    );
  total.create = result.create;
  total.update = result.update;
  return true;
}

/** A slice that would be deleted takes the place of one that would be created. */
function reuseDeleted(total: SliceChanges, service: Service): void {
  for (const slice of [...total.delete]) {
    if (total.create.length === 0) return;
    if (!ownedBy(slice, service)) continue;
    const made = total.create.pop() as EndpointSlice;
    const { generateName: _, ...metadata } = made.metadata;
    total.update.push({ ...made, metadata: { ...metadata, name: slice.metadata.name } });
    total.delete.splice(total.delete.indexOf(slice), 1);
  }
}

function stamp(slices: EndpointSlice[], triggerTime: string | undefined): void {
  for (const [index, slice] of slices.entries()) {
    const { [TRIGGER_TIME_ANNOTATION]: _, ...annotations } = slice.metadata.annotations ?? {};
    if (triggerTime !== undefined) annotations[TRIGGER_TIME_ANNOTATION] = triggerTime;
    slices[index] = { ...slice, metadata: { ...slice.metadata, annotations } };
  }
}
