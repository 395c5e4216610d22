/** The doors of a frontend: every address and port on which this node lets connections in, for both families at once. */
import { type Family, mapFamilies, type PerFamily } from "../ip/family.ts";
import type { Frontend, FrontendPort } from "../traffic/model.ts";
import { type Targets, targetsOf } from "./endpoints.ts";
import type { NodeFacts } from "./facts.ts";
import { contains, withoutFullLength, withoutNested } from "./ranges.ts";

/** One way in. */
export interface Door {
  /** `node`: any local address of the node (a node port); otherwise the addresses of the Service that it names. */
  readonly kind: "cluster" | "external" | "balancer" | "node";
  readonly protocol: "tcp" | "udp" | "sctp";
  readonly port: number;
  /** Where the door is; one empty text for `node`, which has no address of its own. */
  readonly addresses: PerFamily<readonly string[]>;
  readonly targets: PerFamily<Targets>;
  /** `Local`: only endpoints on this node serve. */
  readonly policy: "Cluster" | "Local";
  /** Seconds that a client sticks to its endpoint. */
  readonly affinitySeconds?: number;
  /** CIDRs that may come in; undefined: all. */
  readonly sourceRanges: PerFamily<readonly string[]>;
}

const ANYWHERE: PerFamily<readonly string[]> = {};
const AT_NODE: readonly string[] = [""];

/** The doors of a frontend on this node; none for headless names and aliases. Pure. */
export function doorsOf(frontend: Frontend, facts: NodeFacts): Door[] {
  if (frontend.kind !== "virtual") return [];
  return frontend.ports.flatMap((port) => doorsOfPort(frontend, port, facts));
}

function doorsOfPort(frontend: Frontend, port: FrontendPort, facts: NodeFacts): Door[] {
  const targets = mapFamilies(frontend.addresses, (_, family) =>
    facts.families.includes(family) ? targetsOf(port.backends, family, facts) : undefined,
  );
  const common = {
    protocol: port.protocol.toLowerCase() as Door["protocol"],
    port: port.port,
    targets,
    ...(frontend.affinitySeconds !== undefined && { affinitySeconds: frontend.affinitySeconds }),
    policy: frontend.externalPolicy,
    sourceRanges: ANYWHERE,
  };
  const here = <T>(addresses: PerFamily<T>): PerFamily<T> =>
    mapFamilies(addresses, (value, family) => (targets[family] === undefined ? undefined : value));
  const cluster = mapFamilies(here(frontend.addresses), (address) => [address]);
  const doors: Door[] = [{ ...common, kind: "cluster", addresses: cluster, policy: frontend.internalPolicy }];
  if (hasAddresses(frontend.externalAddresses)) {
    doors.push({ ...common, kind: "external", addresses: here(frontend.externalAddresses) });
  }
  if (hasAddresses(frontend.balancerAddresses)) {
    const addresses = here(frontend.balancerAddresses);
    doors.push({ ...common, kind: "balancer", addresses, sourceRanges: admitted(frontend, facts) });
  }
  if (port.nodePort !== undefined) {
    const addresses = mapFamilies(targets, () => AT_NODE);
    doors.push({ ...common, kind: "node", port: port.nodePort, addresses });
  }
  return doors;
}

function hasAddresses(addresses: PerFamily<readonly string[]>): boolean {
  return addresses.IPv4 !== undefined || addresses.IPv6 !== undefined;
}

/**
 * Who may use the balancer's addresses. A range over everything means no filter. Where a node's own address is let in,
 * so is the balancer's, because the node may use that address as its source (kube-proxy's nftables/proxier.go).
 */
function admitted(frontend: Frontend, facts: NodeFacts): PerFamily<readonly string[]> {
  return mapFamilies(frontend.sourceRanges, (ranges, family) => {
    if (ranges.some((range) => range.endsWith("/0"))) return undefined;
    const networks = withoutNested(ranges);
    const ownAllowed = (facts.addresses[family] ?? []).some((own) =>
      networks.some((net) => contains(net, own)),
    );
    const own = ownAllowed ? (frontend.balancerAddresses[family] ?? []) : [];
    const extra = own.filter((address) => !networks.some((net) => contains(net, address)));
    return [...networks.map(withoutFullLength), ...extra];
  });
}

/** One place where connections come in: a door at one of its addresses in one family. */
export interface Entry {
  readonly family: Family;
  readonly address: string;
  readonly door: Door;
  readonly targets: Targets;
}

/** Calls back for each place where connections come in. */
export function forEachEntry(doors: readonly Door[], visit: (entry: Entry) => void): void {
  for (const door of doors) {
    for (const family of ["IPv4", "IPv6"] as const) {
      const targets = door.targets[family];
      if (targets === undefined) continue;
      for (const address of door.addresses[family] ?? []) visit({ family, address, door, targets });
    }
  }
}
