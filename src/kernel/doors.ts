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
  readonly affinitySeconds: number | undefined;
  /** CIDRs that may come in; undefined: all. */
  readonly sourceRanges: PerFamily<readonly string[]>;
}

const NONE: PerFamily<readonly string[]> = {};
const AT_NODE: readonly string[] = [""];

/** The doors of a frontend on this node; none for headless names and aliases. Pure. */
export function doorsOf(frontend: Frontend, facts: NodeFacts): Door[] {
  const doors: Door[] = [];
  if (frontend.kind === "virtual") for (const port of frontend.ports) addDoors(doors, frontend, port, facts);
  return doors;
}

/** Written for very many Services: most have one door, and nothing is made that it does not need. */
function addDoors(doors: Door[], frontend: Frontend, port: FrontendPort, facts: NodeFacts): void {
  const { addresses, externalAddresses, balancerAddresses, affinitySeconds, externalPolicy } = frontend;
  const targets: { IPv4?: Targets; IPv6?: Targets } = {};
  const own: { IPv4?: readonly string[]; IPv6?: readonly string[] } = {};
  for (const family of facts.families) {
    const address = addresses[family];
    if (address === undefined) continue;
    targets[family] = targetsOf(port.backends, family, facts);
    own[family] = [address];
  }
  const protocol = PROTOCOLS[port.protocol];
  const add = (
    kind: Door["kind"],
    at: PerFamily<readonly string[]>,
    policy: Door["policy"],
    number = port.port,
    sourceRanges = NONE,
  ) =>
    doors.push({
      kind,
      protocol,
      port: number,
      addresses: at,
      targets,
      policy,
      affinitySeconds,
      sourceRanges,
    });
  add("cluster", own, frontend.internalPolicy);
  // an address that stands there twice is one door: the balancer's, which knows whom to admit
  const external = without(externalAddresses, own, balancerAddresses);
  const balancer = without(balancerAddresses, own);
  if (!isEmpty(external)) add("external", external, externalPolicy);
  if (!isEmpty(balancer)) add("balancer", balancer, externalPolicy, port.port, admitted(frontend, facts));
  if (port.nodePort !== undefined)
    add(
      "node",
      mapFamilies(own, () => AT_NODE),
      externalPolicy,
      port.nodePort,
    );
}

const PROTOCOLS = { TCP: "tcp", UDP: "udp", SCTP: "sctp" } as const;

/** The addresses, each once, without those of the other lists. */
function without(
  addresses: PerFamily<readonly string[]>,
  ...others: readonly PerFamily<readonly string[]>[]
): PerFamily<readonly string[]> {
  if (isEmpty(addresses)) return NONE;
  return mapFamilies(addresses, (list, family) => {
    const taken = new Set(others.flatMap((other) => other[family] ?? []));
    const left = [...new Set(list)].filter((address) => !taken.has(address));
    return left.length > 0 ? left : undefined;
  });
}

function isEmpty(addresses: PerFamily<readonly string[]>): boolean {
  return addresses.IPv4 === undefined && addresses.IPv6 === undefined;
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
  /** The key in maps of all protocols: `10.96.0.1 . tcp . 80`, or `tcp . 30080`. */
  readonly key: string;
}

/** Calls back for each place where connections come in. */
export function forEachEntry(doors: readonly Door[], visit: (entry: Entry) => void): void {
  for (const door of doors) {
    for (const family of ["IPv4", "IPv6"] as const) {
      const targets = door.targets[family];
      if (targets === undefined) continue;
      const port = `${door.protocol} . ${door.port}`;
      for (const address of door.addresses[family] ?? []) {
        visit({ family, address, door, targets, key: door.kind === "node" ? port : `${address} . ${port}` });
      }
    }
  }
}
