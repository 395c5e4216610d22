/**
 * The chains of Tandem's table. Their number grows with the shapes of Services (how many endpoints, which policy), not
 * with Services: each Service is a few elements of the maps that these rules look up.
 */
import type { Dialect, NodeFacts } from "./facts.ts";

/** The bit of the packet mark that asks for masquerading, the one that kube-proxy uses by default. */
const MASQUERADE_MARK = "0x4000";

/** Local endpoints have the indexes from here on, so that both sets of a Service live in one map. */
export const LOCAL_OFFSET = 1 << 24;

/** Sticky local endpoints have numbers from here on: what was remembered under another policy must not count. */
export const FIRST_LOCAL_NUMBER = 0x40000000;

/** Protocols as nftables writes them. */
export type Protocol = "tcp" | "udp" | "sctp";

const PROTOCOLS: readonly Protocol[] = ["tcp", "udp", "sctp"];

/** What a chain does with connections that a verdict map sends to it. */
export interface ChainShape {
  readonly protocol: Protocol;
  /** How its entries are keyed: by address, protocol and port, or by protocol and port alone (node ports). */
  readonly keyed: "address" | "node";
  /** Whom it masquerades: sources outside the pod ranges, everybody, or only what must be under a Local policy. */
  readonly masquerade: "off-cluster" | "all" | "local-policy";
  /** How many endpoints there are to pick from; 0 rejects. */
  readonly endpoints: number;
  /** Under a Local policy for outside traffic: how many of them are on this node; 0 drops. */
  readonly localEndpoints?: number;
  /** Whether sources must be in the set of admitted ranges. */
  readonly guarded?: boolean;
  /** Seconds of ClientIP affinity. */
  readonly stickySeconds?: number;
}

/** The name of the chain of a shape: `tcp-cluster-2`, `udp-outside-3-local-1`, `tcp-node-2-sticky-10800`. */
export function chainName(shape: ChainShape): string {
  const kind = shape.keyed === "node" ? "node" : shape.masquerade === "off-cluster" ? "cluster" : "outside";
  const local = shape.localEndpoints === undefined ? "" : `-local-${shape.localEndpoints}`;
  const sticky = shape.stickySeconds === undefined ? "" : `-sticky-${shape.stickySeconds}`;
  return `${shape.protocol}-${kind}-${shape.endpoints}${local}${shape.guarded ? "-guarded" : ""}${sticky}`;
}

/** The rules of the chain of a shape, in order. */
export function chainRules(shape: ChainShape, dialect: Dialect, facts: NodeFacts): string[] {
  const guard = shape.guarded ? [`${keyOf("address", dialect)} . ${dialect.ip} saddr != @admitted drop`] : [];
  if (shape.endpoints === 0) return [...guard, "goto refuse"];
  const pods = setOf(facts.podRanges[dialect.family]);
  const mark = `meta mark set meta mark | ${MASQUERADE_MARK}`;
  const pick = (condition: string, endpoints = shape.endpoints, offset = 0) =>
    pickRules(shape, dialect, endpoints, offset).map((rule) => `${condition}${rule}`);
  switch (shape.masquerade) {
    case "all":
      return [...guard, mark, ...pick("")];
    case "off-cluster":
      if (facts.masqueradeAll) return [...guard, mark, ...pick("")];
      return [...guard, ...(pods ? [`${dialect.ip} saddr != ${pods} ${mark}`] : []), ...pick("")];
    case "local-policy": {
      // Pods and the node itself reach every endpoint; only traffic that came from elsewhere stays on this node.
      const here = facts.podLinks === undefined ? "" : `iifname "${facts.podLinks}*" `;
      const shortcuts = pods ? pick(`${here}${dialect.ip} saddr ${pods} `) : [];
      const own = [`fib saddr type local ${mark}`, ...pick("fib saddr type local ")];
      const local = shape.localEndpoints ?? 0;
      return [...guard, ...shortcuts, ...own, ...(local === 0 ? ["drop"] : pick("", local, LOCAL_OFFSET))];
    }
  }
}

/**
 * Random choice among the endpoints. With affinity, the client's last endpoint is tried first, by its stable number:
 * when that endpoint is gone the lookup fails, the memory is deleted, and a new choice is made and remembered.
 */
function pickRules(shape: ChainShape, dialect: Dialect, endpoints: number, offset: number): string[] {
  const { protocol, keyed, stickySeconds } = shape;
  const { ip } = dialect;
  const index = `numgen random mod ${endpoints}${offset === 0 ? "" : ` offset ${offset}`}`;
  const target = targetKey(keyed, protocol, dialect);
  if (stickySeconds === undefined) {
    return [`dnat ${ip} to ${target} . ${index} map @${mapName("endpoints", keyed, protocol)}`];
  }
  const memory = mapName("affinity", keyed);
  const client = clientKey(keyed, dialect);
  const known = offset === 0 ? "ct mark != 0" : `ct mark >= ${FIRST_LOCAL_NUMBER}`;
  const remember = `update @${memory} { ${client} timeout ${stickySeconds}s : ct mark }`;
  const use = `dnat ${ip} to ${target} . ct mark map @${mapName("sticky", keyed, protocol)}`;
  return [
    `ct mark set ${client} map @${memory}`,
    `${known} ${remember}`,
    `${known} ${use}`,
    `delete @${memory} { ${client} : ct mark }`,
    `ct mark set ${keyOf(keyed, dialect)} . ${index} map @${mapName("slots", keyed)}`,
    remember,
    use,
  ];
}

type Keyed = ChainShape["keyed"];

/** The name of a map: those of node ports and, where they translate ports, of each protocol are maps of their own. */
export function mapName(
  what: "endpoints" | "sticky" | "slots" | "affinity",
  keyed: Keyed,
  protocol?: Protocol,
): string {
  return `${protocol ? `${protocol}-` : ""}${keyed === "node" ? "node-" : ""}${what}`;
}

/** Entries as they are dispatched: any protocol. */
function keyOf(keyed: Keyed, dialect: Dialect): string {
  return keyed === "node" ? "meta l4proto . th dport" : `${dialect.ip} daddr . meta l4proto . th dport`;
}

/**
 * Entries of one protocol. Maps that dnat reads need it: nft 1.0.6 forgets what `th dport` is when it reads such a
 * map's declaration back ("conflicting protocols specified: ip vs. th"), and then takes no new rule that uses the map.
 */
function targetKey(keyed: Keyed, protocol: Protocol, dialect: Dialect): string {
  return keyed === "node" ? `${protocol} dport` : `${dialect.ip} daddr . ${protocol} dport`;
}

/**
 * A client at an entry, short: with two IPv6 addresses in the key nft 1.0.6 runs out of registers. Two clients with
 * one hash share a memory, which is harmless: either still stays with one endpoint.
 */
function clientKey(keyed: Keyed, { ip }: Dialect): string {
  const who = keyed === "node" ? `${ip} saddr` : `${ip} saddr . ${ip} daddr`;
  return `jhash ${who} mod 4294967295 seed 0x7a6d . meta l4proto . th dport`;
}

/** Networks as the right side of a match: `{ 10.244.0.0/16 }`; undefined when there are none. */
function setOf(networks: readonly string[] | undefined): string | undefined {
  return networks?.length ? `{ ${networks.join(", ")} }` : undefined;
}

/** A chain that is always there; `hook` makes it a base chain. */
export interface FixedChain {
  readonly name: string;
  readonly hook?: string;
  readonly rules: readonly string[];
}

/** The chains that do not depend on any Service, those that others go to first. */
export function fixedChains(dialect: Dialect, facts: NodeFacts): FixedChain[] {
  const { ip } = dialect;
  const unknown = setOf(facts.serviceRanges?.[dialect.family]);
  const nodePorts = setOf(facts.nodePortAddresses?.[dialect.family]);
  const atNode = nodePorts ? `${ip} daddr ${nodePorts}` : `${ip} daddr != ${dialect.loopback}`;
  const dispatch = [
    `${keyOf("address", dialect)} vmap @services`,
    `${ip} daddr @cluster-ips goto refuse`,
    ...(unknown ? [`${ip} daddr ${unknown} drop`] : []),
    `fib daddr type local ${atNode} ${keyOf("node", dialect)} vmap @nodeports`,
  ];
  const requested = `meta mark & ${MASQUERADE_MARK} == ${MASQUERADE_MARK}`;
  return [
    // A reset rather than ICMP for TCP: ICMP errors are rate-limited, and IPv6 clients here did not take them.
    { name: "refuse", rules: ["meta l4proto tcp reject with tcp reset", "reject"] },
    { name: "dispatch", rules: dispatch },
    { name: "prerouting", hook: "prerouting priority -100", rules: ["goto dispatch"] },
    { name: "output", hook: "output priority -100", rules: ["goto dispatch"] },
    {
      name: "postrouting",
      hook: "postrouting priority 100",
      rules: [
        `${requested} meta mark set meta mark ^ ${MASQUERADE_MARK} masquerade fully-random`,
        // A pod that reaches itself: without this its answer would not pass the node, and be refused.
        `ct status dnat ${ip} saddr . ${ip} daddr @hairpin masquerade fully-random`,
      ],
    },
  ];
}

/** How a map or set is declared. */
export interface Declaration {
  readonly kind: "map" | "set";
  readonly body: string;
}

/** The maps and sets of the table with their declarations. */
export function declarations(dialect: Dialect): ReadonlyMap<string, Declaration> {
  const { ip } = dialect;
  const index = "numgen random mod 2";
  const map = (type: string, more = ""): Declaration => ({ kind: "map", body: `typeof ${type}; ${more}` });
  const set = (type: string, more = ""): Declaration => ({ kind: "set", body: `typeof ${type}; ${more}` });
  const address = keyOf("address", dialect);
  const result = new Map<string, Declaration>([
    ["services", map(`${address} : verdict`)],
    ["nodeports", map(`${keyOf("node", dialect)} : verdict`)],
    ["cluster-ips", set(`${ip} daddr`)],
    ["hairpin", set(`${ip} saddr . ${ip} daddr`)],
    ["admitted", set(`${address} . ${ip} saddr`, "flags interval;")],
  ]);
  for (const keyed of ["address", "node"] as const) {
    // The kind of number does not bind, and a hash in a declaration makes nft 1.0.6 crash when it lists it.
    const memory = `${index} . meta l4proto . th dport : ct mark`;
    result.set(mapName("slots", keyed), map(`${keyOf(keyed, dialect)} . ${index} : ct mark`));
    result.set(mapName("affinity", keyed), map(memory, "flags dynamic,timeout; size 1048576;"));
    for (const protocol of PROTOCOLS) {
      const key = targetKey(keyed, protocol, dialect);
      const endpoint = `${ip} daddr . ${protocol} dport`;
      result.set(mapName("endpoints", keyed, protocol), map(`${key} . ${index} : ${endpoint}`));
      result.set(mapName("sticky", keyed, protocol), map(`${key} . ct mark : ${endpoint}`));
    }
  }
  return result;
}

/** The maps that packets fill: their elements are nobody's to compare. */
export const LEARNED: ReadonlySet<string> = new Set([
  mapName("affinity", "address"),
  mapName("affinity", "node"),
]);
