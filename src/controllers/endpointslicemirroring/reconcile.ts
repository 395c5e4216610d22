import { familyOfText, formatAddress, parseAddressAsGo } from "../../ip/address.ts";
import type { Family } from "../../ip/family.ts";
import { KINDS } from "../../objects/kinds.ts";
import type { Endpoint, EndpointPort, Endpoints, EndpointSlice } from "../../objects/types.ts";
import { endpointKey, portsKey, sameEndpoint } from "../endpointslice/endpoint.ts";
import { MANAGED_BY_LABEL, SERVICE_NAME_LABEL } from "../endpointslice/labels.ts";
import type { SliceChanges } from "../endpointslice/pack.ts";
import { TRIGGER_TIME_ANNOTATION } from "../endpointslice/reconcile.ts";
import { sameValue } from "../runtime/equal.ts";
import { controllerReference } from "../runtime/owners.ts";

/** The name by which this controller marks its slices. */
export const MIRROR_NAME = "endpointslicemirroring-controller.k8s.io";
/** Addresses of one subset that are mirrored. */
export const MAX_PER_SUBSET = 1000;

const LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration";

/** What has to be done to the mirrored slices, and how many addresses are left out. */
export interface MirrorChanges extends SliceChanges {
  /** Addresses that are none. */
  readonly invalid: number;
  /** Addresses beyond what a subset may have. */
  readonly tooMany: number;
}

type Subset = NonNullable<Endpoints["subsets"]>[number];
type Address = NonNullable<Subset["addresses"]>[number];

interface Group {
  readonly family: Family;
  readonly ports: EndpointPort[];
  readonly endpoints: Map<string, Endpoint>;
}

/**
 * What has to be done so that slices say what somebody's own Endpoints say (pkg/controller/endpointslicemirroring): one
 * slice for each family and set of ports, with the labels and annotations of the Endpoints.
 * @param slices those that this controller has made of the Endpoints so far
 */
export function mirrorEndpoints(endpoints: Endpoints, slices: readonly EndpointSlice[]): MirrorChanges {
  const { groups, invalid, tooMany } = desiredGroups(endpoints);
  const existing = Map.groupBy(slices, ({ addressType, ports }) => groupKey(addressType, ports));
  const changes: SliceChanges = { create: [], update: [], delete: [] };
  for (const [key, group] of groups) {
    const [first, ...others] = existing.get(key) ?? [];
    existing.delete(key);
    changes.delete.push(...others);
    const slice = sliceOf(endpoints, group);
    if (first === undefined) changes.create.push(slice);
    else if (!saysTheSame(first, slice, group)) changes.update.push(inPlaceOf(slice, first));
  }
  for (const left of existing.values()) changes.delete.push(...left);
  reuseDeleted(changes);
  if (endpoints.metadata.deletionTimestamp !== undefined) changes.create = [];
  return { ...changes, invalid, tooMany };
}

function groupKey(family: string, ports: readonly EndpointPort[] | null | undefined): string {
  return `${family} ${portsKey(ports)}`;
}

function desiredGroups({ subsets = [] }: Endpoints) {
  const groups = new Map<string, Group>();
  let invalid = 0;
  let tooMany = 0;
  for (const subset of subsets) {
    const ports = (subset.ports ?? []).map(({ name = "", ...port }) => ({ name, ...port })) as EndpointPort[];
    let added = 0;
    for (const endpoint of endpointsOf(subset)) {
      if (added >= MAX_PER_SUBSET) tooMany++;
      else if (endpoint === undefined) invalid++;
      else {
        added++;
        addTo(groups, endpoint, ports);
      }
    }
  }
  return { groups, invalid, tooMany };
}

/** The subset's addresses as endpoints, those that are ready first; undefined where an address is none. */
function endpointsOf({ addresses = [], notReadyAddresses = [] }: Subset): (Endpoint | undefined)[] {
  return [
    ...addresses.map((address) => endpointOf(address, true)),
    ...notReadyAddresses.map((address) => endpointOf(address, false)),
  ];
}

function endpointOf({ ip, hostname, nodeName, targetRef }: Address, ready: boolean): Endpoint | undefined {
  const address = parseAddressAsGo(ip);
  if (address === undefined) return undefined;
  return {
    addresses: [formatAddress(address)],
    conditions: { ready },
    ...(hostname ? { hostname } : {}),
    ...(nodeName === undefined ? {} : { nodeName }),
    ...(targetRef === undefined ? {} : { targetRef }),
  } as Endpoint;
}

function addTo(groups: Map<string, Group>, endpoint: Endpoint, ports: EndpointPort[]): void {
  const family = familyOfText(endpoint.addresses[0] ?? "");
  if (family === undefined) return;
  const key = groupKey(family, ports);
  const group = groups.get(key) ?? { family, ports, endpoints: new Map<string, Endpoint>() };
  groups.set(key, group);
  group.endpoints.set(endpointKey(endpoint), endpoint);
}

function sliceOf(endpoints: Endpoints, { family, ports, endpoints: wanted }: Group): EndpointSlice {
  const { name, namespace, annotations } = endpoints.metadata;
  const own = { [SERVICE_NAME_LABEL]: name, [MANAGED_BY_LABEL]: MIRROR_NAME };
  const labels: Record<string, string> = { ...endpoints.metadata.labels, ...own };
  return {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: {
      generateName: `${name}-`,
      ...(namespace === undefined ? {} : { namespace }),
      labels,
      annotations: mirrored(annotations),
      ownerReferences: [controllerReference(KINDS.Endpoints, endpoints)],
    } as EndpointSlice["metadata"],
    addressType: family,
    endpoints: [...wanted.values()].slice(0, MAX_PER_SUBSET),
    ports,
  };
}

/** Annotations that concern the Endpoints object itself are not mirrored. */
function mirrored(annotations: Record<string, string> = {}): Record<string, string> {
  const { [TRIGGER_TIME_ANNOTATION]: _, [LAST_APPLIED]: __, ...others } = annotations;
  return others;
}

function saysTheSame(existing: EndpointSlice, wanted: EndpointSlice, group: Group): boolean {
  const present = existing.endpoints ?? [];
  return (
    present.length === group.endpoints.size &&
    present.every((endpoint) => {
      const other = group.endpoints.get(endpointKey(endpoint));
      return other !== undefined && sameEndpoint(other, endpoint);
    }) &&
    sameValue(existing.metadata.labels ?? {}, wanted.metadata.labels) &&
    sameValue(existing.metadata.annotations ?? {}, wanted.metadata.annotations)
  );
}

function inPlaceOf(slice: EndpointSlice, { metadata: { name } }: EndpointSlice): EndpointSlice {
  const { generateName: _, ...metadata } = slice.metadata;
  return { ...slice, metadata: { ...metadata, name } };
}

/** A slice that would be deleted takes the place of one of its family that would be created. */
function reuseDeleted(changes: SliceChanges): void {
  for (const slice of [...changes.create]) {
    const index = changes.delete.findIndex(({ addressType }) => addressType === slice.addressType);
    const [spare] = index < 0 ? [] : changes.delete.splice(index, 1);
    if (spare === undefined) continue;
    changes.create.splice(changes.create.indexOf(slice), 1);
    changes.update.push(inPlaceOf(slice, spare));
  }
}
