/** Backends as endpoints: one each, with an address per family, in the order in which families are tried. */
import { familyOfText } from "../../ip/address.ts";
import { type Family, FAMILIES, otherFamily } from "../../ip/family.ts";
import type { Destination } from "../../traffic/gateway/model.ts";
import type { BackendConditions, Frontend, PortBackend } from "../../traffic/model.ts";
import { PEER } from "../mesh/tls.ts";
import type { JsonObject } from "../proto/index.ts";
import type { ProxyCapabilities } from "./capabilities.ts";
import { partsByAddress } from "./health.ts";
import { socketAddress } from "./names.ts";
import { type Met, NOBODY } from "./peers.ts";

/** One backend of a destination: its addresses, best family first. */
export interface Target {
  readonly addresses: readonly string[];
  readonly port: number;
  readonly zone?: string;
  /** `namespace/name`, where the backend is a pod. */
  readonly pod?: string;
  /** The only family that it can be reached over now, of several that its Service has. */
  readonly only?: Family;
}

/** The backends that a destination has now. `frontend` is that of its target, if there is one. */
export function targetsOf(
  destination: Destination,
  frontend: Frontend | undefined,
  capabilities: ProxyCapabilities,
): readonly Target[] {
  const { target, preferFamily } = destination;
  if (target.kind === "hosts") {
    const order = familyOrder(preferFamily, FAMILIES, capabilities);
    return target.hosts.flatMap((host) => {
      const addresses = order.flatMap((family) =>
        (host.addresses ?? []).filter((address) => familyOfText(address) === family),
      );
      const { port, zone } = host;
      return addresses.length === 0 ? [] : [{ addresses, port, ...(zone !== undefined && { zone }) }];
    });
  }
  return usable(...listed(destination, frontend, capabilities));
}

/**
 * All backends of a frontend's port, ready or not: over the families over which they are ready, or if there are none over
 * all that they have.
 */
export function allTargets(
  destination: Destination,
  frontend: Frontend | undefined,
  capabilities: ProxyCapabilities,
): readonly Target[] {
  const [backends, order] = listed(destination, frontend, capabilities);
  return backends.flatMap((backend) => {
    const ready = having([backend], order, (conditions) => conditions.ready);
    return ready.length > 0 ? ready : having([backend], order, () => true);
  });
}

function listed(
  { target, protocol, preferFamily }: Destination,
  frontend: Frontend | undefined,
  capabilities: ProxyCapabilities,
): [backends: readonly PortBackend[], order: readonly Family[]] {
  if (frontend === undefined || target.kind !== "frontend") return [[], []];
  const wanted = protocol === "udp" ? "UDP" : "TCP";
  const port = frontend.ports.find((one) => one.port === target.port && one.protocol === wanted);
  const families = frontend.families.length > 0 ? frontend.families : FAMILIES;
  return [port?.backends ?? [], familyOrder(preferFamily, families, capabilities)];
}

/** The preferred family first, then as listed; only what the proxy's host has. */
function familyOrder(
  prefer: Family | undefined,
  listed: readonly Family[],
  { families }: ProxyCapabilities,
): readonly Family[] {
  const order = prefer === undefined ? listed : [prefer, otherFamily(prefer)];
  return order.filter((family) => listed.includes(family) && families.includes(family));
}

/**
 * Backends that are ready, over the families over which they are; when there are none, those that still serve while they
 * terminate (KEP-1669).
 */
function usable(backends: readonly PortBackend[], order: readonly Family[]): readonly Target[] {
  const ready = having(backends, order, (conditions) => conditions.ready);
  if (ready.length > 0) return ready;
  return having(backends, order, ({ serving, terminating }) => serving && terminating);
}

function having(
  backends: readonly PortBackend[],
  order: readonly Family[],
  accept: (conditions: BackendConditions) => boolean,
): readonly Target[] {
  return backends.flatMap(({ backend, port }) => {
    const addresses = order.flatMap((family) => {
      const conditions = backend.conditions[family];
      const address = backend.addresses[family];
      return address !== undefined && conditions && accept(conditions) ? [address] : [];
    });
    const { zone, pod } = backend;
    const [first] = addresses;
    if (first === undefined) return [];
    const named = pod && { pod: `${pod.namespace}/${pod.name}` };
    const only = addresses.length < order.length ? familyOfText(first) : undefined;
    return [{ addresses, port, ...(zone !== undefined && { zone }), ...named, ...(only && { only }) }];
  });
}

/**
 * The backends of a destination as Envoy's ClusterLoadAssignment: a locality per zone, and one more for those that are
 * not met by mutual TLS where some of the cluster are (see mesh/outbound-endpoints.ts for why).
 */
export function loadAssignment(
  name: string,
  { policy }: Destination,
  targets: readonly Target[],
  capabilities: ProxyCapabilities,
  met: Met = NOBODY,
): JsonObject {
  const apart = (target: Target) => (met.identities.length > 0 && !met.isPeer(target) ? "plain" : undefined);
  const near = policy?.preferZone ? capabilities.zone : undefined;
  const farther = near !== undefined && targets.some((target) => target.zone === near);
  const parted = partsByAddress(policy);
  const ranks = parted && policy?.familiesInOrder ? byRank(targets) : [targets];
  const endpoints = ranks.flatMap((ranked, rank) =>
    localities(ranked, apart).map(({ zone, locality, those }) => {
      // Other zones serve what the own one has no healthy backends for; then other families.
      const priority = rank * (farther ? 2 : 1) + (farther && zone !== near ? 1 : 0);
      return {
        ...(locality && { locality }),
        lb_endpoints: lbEndpoints(those, parted, mostAddresses(ranked), policy?.activeHealthCheck?.port),
        ...(priority > 0 && { priority }),
        ...(those.every(met.isPeer) && { metadata: { filter_metadata: PEER } }),
      };
    }),
  );
  return { cluster_name: name, ...(endpoints.length > 0 && { endpoints }) };
}

/** The first address of each target, the second of each that has one: families one after the other. */
function byRank(targets: readonly Target[]): readonly (readonly Target[])[] {
  return Array.from({ length: mostAddresses(targets) }, (_, rank) =>
    targets.flatMap((target) => {
      const address = target.addresses[rank];
      return address === undefined ? [] : [{ ...target, addresses: [address] }];
    }),
  );
}

/**
 * Targets by zone, and within it those that have lost a family by themselves: Envoy 1.40 takes an endpoint whose first
 * address it knows for the one that it has, and would keep the other addresses of that; one of another locality is new.
 * @param apart what else sets targets apart from those that Envoy may have at their addresses; undefined: nothing
 */
export function localities(
  targets: readonly Target[],
  apart: (target: Target) => string | undefined = () => undefined,
): readonly Locality[] {
  const partOf = (target: Target) => [target.only, apart(target)].filter(Boolean).join("-");
  const groups = Map.groupBy(targets, (target) => `${target.zone ?? ""}/${partOf(target)}`);
  return [...groups.values()].map((those) => {
    const [first] = those as [Target];
    const { zone } = first;
    const part = partOf(first);
    const locality = { ...(zone !== undefined && { zone }), ...(part !== "" && { sub_zone: part }) };
    return { zone, those, ...(Object.keys(locality).length > 0 && { locality }) };
  });
}

interface Locality {
  readonly zone: string | undefined;
  readonly locality?: JsonObject;
  readonly those: readonly Target[];
}

function mostAddresses(targets: readonly Target[]): number {
  return Math.max(1, ...targets.map((target) => target.addresses.length));
}

/** Endpoints; parted into addresses, those of one backend together weigh what those of any other do. */
export function lbEndpoints(
  targets: readonly Target[],
  parted: boolean,
  most: number,
  checkPort?: number,
): JsonObject[] {
  if (!parted) return targets.map(({ addresses, port }) => ({ endpoint: endpoint(addresses, port) }));
  return targets.flatMap(({ addresses, port }) =>
    addresses.map((address) => {
      const weight = Math.max(1, Math.round(most / addresses.length));
      return {
        endpoint: {
          ...endpoint([address], port),
          ...(checkPort !== undefined && { health_check_config: { port_value: checkPort } }),
        },
        ...(weight > 1 && { load_balancing_weight: weight }),
      };
    }),
  );
}

function endpoint([first = "", ...others]: readonly string[], port: number): JsonObject {
  return {
    address: socketAddress(first, port),
    ...(others.length > 0 && {
      additional_addresses: others.map((address) => ({ address: socketAddress(address, port) })),
    }),
  };
}
