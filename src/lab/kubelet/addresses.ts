import { formatAddress } from "../../ip/address.ts";
import { addressAt, type Cidr, cidrSize } from "../../ip/cidr.ts";
import type { Family, PerFamily } from "../../ip/family.ts";

/** The addresses of one pod. `index` is its place in the node's range, the same in every family. */
export interface PodAddresses {
  readonly index: number;
  readonly addresses: PerFamily<string>;
}

/** Index 0 is the network, 1 the node's gateway address; the last of an IPv4 range is its broadcast address. */
const FIRST_INDEX = 2;
const MAX_PODS = 65_000;

/**
 * Hands out pod addresses from a node's pod ranges: one index a pod, with an address of each family at that index.
 * A freed index comes back only after all others were used, so that late packets meet nobody else.
 */
export class PodAddressPool {
  readonly #ranges: readonly Cidr[];
  readonly #used = new Set<number>();
  readonly #last: number;
  #next = FIRST_INDEX;

  constructor(ranges: readonly Cidr[]) {
    this.#ranges = ranges;
    this.#last = Math.min(MAX_PODS, ...ranges.map((range) => Number(cidrSize(range)))) - 2;
  }

  /** The gateway of pods in a family: the address of the node's end of their links. */
  gateway(family: Family): string | undefined {
    const range = this.#ranges.find((candidate) => candidate.family === family);
    return range && formatAddress(addressAt(range, 1n));
  }

  /** Addresses of the families given that the node has ranges of; undefined when the range is full. */
  allocate(families: readonly Family[]): PodAddresses | undefined {
    for (let tries = FIRST_INDEX; tries <= this.#last; tries++) {
      const index = this.#next;
      this.#next = index >= this.#last ? FIRST_INDEX : index + 1;
      if (this.#used.has(index)) continue;
      this.#used.add(index);
      const ranges = this.#ranges.filter((range) => families.includes(range.family));
      const pairs = ranges.map((range) => [range.family, formatAddress(addressAt(range, BigInt(index)))]);
      return { index, addresses: Object.fromEntries(pairs) as PerFamily<string> };
    }
    return undefined;
  }

  release(index: number): void {
    this.#used.delete(index);
  }
}
