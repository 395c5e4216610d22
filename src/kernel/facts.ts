import type { Family, PerFamily } from "../ip/family.ts";

/** What the rules of a node depend on besides the traffic: the node itself and the cluster's ranges. */
export interface NodeFacts {
  readonly nodeName: string;
  /** The node's zone (label topology.kubernetes.io/zone), for endpoints that are meant for one. */
  readonly zone?: string;
  /** The families that this node programs; the others get no table. */
  readonly families: readonly Family[];
  /** The node's own addresses. */
  readonly addresses: PerFamily<readonly string[]>;
  /** The cluster's pod ranges: traffic to a cluster IP from anywhere else is masqueraded. None: it never is. */
  readonly podRanges: PerFamily<readonly string[]>;
  /**
   * How the names of this node's links to its pods begin, where it is known. Under a Local policy only pods behind them
   * go to endpoints elsewhere: the answer to a pod of another node would not come back through this one.
   */
  readonly podLinks?: string;
  /** The cluster's service ranges: traffic to an address in them that no Service has is dropped. */
  readonly serviceRanges?: PerFamily<readonly string[]>;
  /** Masquerade all traffic to cluster IPs, whoever sends it (kube-proxy's --masquerade-all). */
  readonly masqueradeAll?: boolean;
  /** CIDRs of local addresses that serve node ports; undefined in a family: all but loopback. */
  readonly nodePortAddresses?: PerFamily<readonly string[]>;
}

/** What differs between the families in nftables' language. Everything else is written once. */
export interface Dialect {
  readonly family: Family;
  /** Table family and protocol of address fields: `ip saddr`, `ip6 saddr`. */
  readonly ip: "ip" | "ip6";
  /** Where node ports are never served. */
  readonly loopback: string;
}

/** nftables' language per family. */
export const DIALECTS: { readonly [F in Family]: Dialect } = {
  IPv4: { family: "IPv4", ip: "ip", loopback: "127.0.0.0/8" },
  IPv6: { family: "IPv6", ip: "ip6", loopback: "::1" },
};

/** The name of Tandem's table in either family. */
export const TABLE = "tandem";
