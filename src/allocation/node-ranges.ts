import { type Cidr, cidrsOverlap, formatCidr, parseCidr } from "../ip/cidr.ts";
import { CidrSet } from "./cidr-set.ts";

/** Where nodes' pod ranges come from. */
export interface NodeRangeOptions {
  /** --cluster-cidr, one network per family; their order is that of nodes' podCIDRs. */
  readonly clusterCidrs: readonly Cidr[];
  /** The prefix length of a node's range in each of them: /24 and /64 by default. */
  readonly nodePrefixes: readonly number[];
  /** Service ranges that no node may get, should they overlap. */
  readonly serviceCidrs?: readonly Cidr[];
}

/** What matters of a node here. */
export interface NodeWithRanges {
  readonly name: string;
  readonly podCIDRs: readonly string[];
}

/** Default prefix lengths of nodes' ranges (--node-cidr-mask-size-ipv4 and -ipv6). */
export const DEFAULT_NODE_PREFIX = { IPv4: 24, IPv6: 64 } as const;

/**
 * The pod ranges of all nodes, one per family of the cluster
 * (pkg/controller/nodeipam/ipam/range_allocator.go). A node that has ranges never gets more: one that joined
 * a cluster of one family must be registered anew to gain the second.
 */
export class NodeRanges {
  readonly #sets: readonly CidrSet[];

  /** @throws Error when a node prefix does not fit its cluster range */
  constructor({ clusterCidrs, nodePrefixes, serviceCidrs = [] }: NodeRangeOptions) {
    this.#sets = clusterCidrs.map(
      (cidr, index) => new CidrSet(cidr, nodePrefixes[index] ?? DEFAULT_NODE_PREFIX[cidr.family]),
    );
    for (const service of serviceCidrs) {
      for (const set of this.#sets) if (cidrsOverlap(set.cluster, service)) set.occupy(service);
    }
  }

  /**
   * A range of each family for one node, as text for `spec.podCIDRs`. When one family has none left, what was
   * taken of the other is given back; the real controller loses it until it restarts.
   * @throws Error `failed to allocate cidr from cluster cidr at idx:1: …`; the event for it is
   *   CIDRNotAvailable
   */
  allocate(): string[] {
    const taken: Cidr[] = [];
    for (const [index, set] of this.#sets.entries()) {
      try {
        taken.push(set.allocateNext());
      } catch (error) {
        for (const [given, cidr] of taken.entries()) this.#sets[given]?.release(cidr);
        const why = (error as Error).message;
        throw new Error(`failed to allocate cidr from cluster cidr at idx:${index}: ${why}`, {
          cause: error,
        });
      }
    }
    return taken.map(formatCidr);
  }

  /**
   * Marks the ranges that a node has already, matched to cluster ranges by their place in the list.
   * @throws Error when one is no CIDR, has no counterpart or lies outside of it
   */
  occupy(node: NodeWithRanges): void {
    for (const [index, text] of node.podCIDRs.entries()) {
      const cidr = parseCidr(text);
      if (cidr === undefined) throw new Error(`failed to parse node ${node.name}, CIDR ${node.podCIDRs[0]}`);
      const set = this.#setFor(node, index);
      try {
        set.occupy(cidr);
      } catch (error) {
        const what = `failed to mark cidr[${formatCidr(cidr)}] at idx [${index}] as occupied`;
        throw new Error(`${what} for node: ${node.name}: ${(error as Error).message}`, { cause: error });
      }
    }
  }

  /** Gives back the ranges of a node that is gone. @throws Error as {@link occupy} does */
  release(node: NodeWithRanges): void {
    for (const [index, text] of node.podCIDRs.entries()) {
      const cidr = parseCidr(text);
      if (cidr === undefined) throw new Error(`failed to parse CIDR ${text} on Node ${node.name}`);
      const set = this.#setFor(node, index);
      try {
        set.release(cidr);
      } catch (error) {
        throw new Error(`error when releasing CIDR ${text}: ${(error as Error).message}`, { cause: error });
      }
    }
  }

  #setFor(node: NodeWithRanges, index: number): CidrSet {
    const set = this.#sets[index];
    if (set !== undefined) return set;
    const what = `node:${node.name} has an allocated cidr: ${node.podCIDRs[index]} at index:${index}`;
    throw new Error(`${what} that does not exist in cluster cidrs configuration`);
  }
}
