import { formatAddress } from "../ip/address.ts";
import { type Cidr, cidrSize, cidrsOverlap, formatCidr, subnetAt } from "../ip/cidr.ts";
import { bitsOf } from "../ip/family.ts";

/** An IPv6 range may hold at most 2^16 node ranges; IPv4 has no such limit in the real controller. */
const MAX_IPV6_DIFFERENCE = 16;

/**
 * The node ranges inside one cluster range (pkg/controller/nodeipam/ipam/cidrset). Free ones are given out in
 * turn, from the last one given on, so that a range that was given back rests for as long as possible.
 */
export class CidrSet {
  readonly cluster: Cidr;
  readonly nodePrefix: number;
  readonly #count: number;
  readonly #used = new Set<number>();
  #next = 0;

  /** @throws Error when the node prefix is out of proportion to the cluster's */
  constructor(cluster: Cidr, nodePrefix: number) {
    const difference = nodePrefix - cluster.prefix;
    if (cluster.family === "IPv6" && difference > MAX_IPV6_DIFFERENCE) {
      throw new Error("New CIDR set failed; the node CIDR size is too big");
    }
    if (difference < 0 || nodePrefix > bitsOf(cluster.family)) {
      throw new Error(
        `node prefix /${nodePrefix} does not fit into the cluster range ${formatCidr(cluster)}`,
      );
    }
    this.cluster = cluster;
    this.nodePrefix = nodePrefix;
    this.#count = 2 ** difference;
  }

  /** @throws Error when none is left */
  allocateNext(): Cidr {
    if (this.#used.size === this.#count) {
      const left = "there are no remaining CIDRs left to allocate in the accepted range";
      throw new Error(`CIDR allocation failed; ${left}`);
    }
    let index = this.#next;
    while (this.#used.has(index)) index = (index + 1) % this.#count;
    this.#next = (index + 1) % this.#count;
    this.#used.add(index);
    return subnetAt(this.cluster, this.nodePrefix, BigInt(index));
  }

  /**
   * Marks all node ranges that share an address with a network as used. @throws Error when it lies outside
   */
  occupy(cidr: Cidr): void {
    const [begin, end] = this.#indexes(cidr);
    for (let index = begin; index <= end; index++) this.#used.add(index);
  }

  /**
   * The opposite of {@link occupy}; ranges that are not in use stay so. @throws Error when it lies outside
   */
  release(cidr: Cidr): void {
    const [begin, end] = this.#indexes(cidr);
    for (let index = begin; index <= end; index++) this.#used.delete(index);
  }

  #indexes(cidr: Cidr): [number, number] {
    if (!cidrsOverlap(this.cluster, cidr)) {
      throw new Error(
        `cidr ${formatCidr(cidr)} is out the range of cluster cidr ${formatCidr(this.cluster)}`,
      );
    }
    if (cidr.prefix <= this.cluster.prefix) return [0, this.#count - 1];
    return [this.#indexOf(cidr.base), this.#indexOf(cidr.base + cidrSize(cidr) - 1n)];
  }

  #indexOf(value: bigint): number {
    const { family, base } = this.cluster;
    const index = Number((value - base) >> BigInt(bitsOf(family) - this.nodePrefix));
    if (index >= 0 && index < this.#count) return index;
    const text = `${formatAddress({ family, value })}/${this.nodePrefix}`;
    throw new Error(`CIDR: ${text} is out of the range of CIDR allocator`);
  }
}
