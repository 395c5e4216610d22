import { familyOfText } from "../../ip/address.ts";
import { hasCondition } from "../../objects/conditions.ts";
import type { EndpointSlice, Node, Service } from "../../objects/types.ts";
import { isOurs } from "./addresses.ts";

/** Destination → addresses of the nodes that take its packets, one and the same order each time. */
export type BalancerRoutes = ReadonlyMap<string, readonly string[]>;

const EXCLUDED = "node.kubernetes.io/exclude-from-external-load-balancers";

/** The nodes that balancers send to: ready, and not excluded by the label for that (KEP-1143). */
export function balancerNodes(nodes: readonly Node[]): Node[] {
  return nodes.filter(
    (node) => node.metadata.labels?.[EXCLUDED] === undefined && hasCondition(node, "Ready"),
  );
}

/**
 * The ways into the cluster: each range over all nodes; an address of a Service with externalTrafficPolicy Local over
 * those nodes alone that have a pod of it, as others drop its packets.
 */
export function routesInto(
  ranges: readonly string[],
  nodes: readonly Node[],
  services: Iterable<Service>,
  slicesOf: (service: Service) => readonly EndpointSlice[],
): BalancerRoutes {
  const routes = new Map<string, readonly string[]>();
  for (const range of ranges) routes.set(range, addressesOf(nodes, range));
  for (const service of services) {
    if (!isOurs(service) || service.spec.externalTrafficPolicy !== "Local") continue;
    const names = nodesWithEndpoints(slicesOf(service));
    const local = nodes.filter(({ metadata }) => names.has(metadata.name));
    for (const { ip } of service.status?.loadBalancer?.ingress ?? []) {
      const via = ip === undefined ? [] : addressesOf(local, ip);
      // with no pod anywhere the range's route serves as well: the packets are dropped at any node
      if (ip !== undefined && via.length > 0) routes.set(ip, via);
    }
  }
  return routes;
}

function addressesOf(nodes: readonly Node[], destination: string): string[] {
  const family = familyOfText(destination.split("/")[0] as string);
  const all = nodes.flatMap(({ status }) => status?.addresses ?? []);
  return all
    .filter(({ type, address }) => type === "InternalIP" && familyOfText(address) === family)
    .map(({ address }) => address)
    .sort();
}

/** Nodes with an endpoint that is ready; where none is, those whose endpoints still serve (KEP-1669). */
function nodesWithEndpoints(slices: readonly EndpointSlice[]): Set<string> {
  const all = slices.flatMap(({ endpoints }) => endpoints ?? []);
  const ready = all.filter(({ conditions }) => conditions?.ready ?? true);
  const serving = ready.length > 0 ? ready : all.filter(({ conditions }) => conditions?.serving);
  return new Set(serving.flatMap(({ nodeName }) => nodeName ?? []));
}

/** The `ip` commands from one set of routes to another. */
export function routeCommands(before: BalancerRoutes, after: BalancerRoutes): string[] {
  const wanted = [...after].filter(([, via]) => via.length > 0);
  const changed = wanted.filter(([destination, via]) => before.get(destination)?.join() !== via.join());
  const gone = [...before].filter(([destination, via]) => via.length > 0 && !after.get(destination)?.length);
  return [
    ...changed.map(([destination, via]) => `route replace ${destination} ${hops(via)}`),
    ...gone.map(([destination]) => `route del ${destination}`),
  ];
}

/** A route as `ip -json route` tells it. */
interface ShownRoute {
  readonly dst?: string;
  readonly gateway?: string;
  readonly nexthops?: readonly { readonly gateway?: string }[];
}

/** The routes to some destinations, out of what `ip -json route` says. */
export function shownRoutes(
  shown: readonly ShownRoute[],
  isWanted: (destination: string) => boolean,
): BalancerRoutes {
  const routes = new Map<string, readonly string[]>();
  for (const { dst, gateway, nexthops = [] } of shown) {
    if (dst === undefined || !isWanted(dst)) continue;
    const via = gateway === undefined ? nexthops.flatMap((hop) => hop.gateway ?? []) : [gateway];
    routes.set(dst, via.sort());
  }
  return routes;
}

function hops(via: readonly string[]): string {
  return via.length === 1 ? `via ${via[0]}` : via.map((address) => `nexthop via ${address}`).join(" ");
}
