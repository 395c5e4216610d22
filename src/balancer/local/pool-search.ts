/** Finds free addresses in one pool. */
import { type Address, formatAddress, parseAddress } from "../../ip/address.ts";
import type { Family } from "../../ip/family.ts";
import type { AddressPool, AddressRequest } from "./addresses.ts";
import type { AddressOwners } from "./owners.ts";
import { addressIn, inRanges, isGivable, sizeOf } from "./ranges.ts";

/** As many addresses are looked at for one that is free. */
const MOST_TRIES = 65_536n;

/** The search for free addresses: it takes none, but remembers how far it came. */
export class PoolSearch {
  readonly #owners: AddressOwners;
  /** Where the search of each pool goes on, so that an address that was just given back rests for a while. */
  readonly #next = new Map<string, bigint>();

  constructor(owners: AddressOwners) {
    this.#owners = owners;
  }

  /**
   * An address of each of the families, at the same index where that is free in all, so that they look alike.
   * @param like the index to take if that is free: where the address of the other family is
   */
  together(
    request: AddressRequest,
    pool: AddressPool,
    families: readonly Family[],
    like?: bigint,
  ): Map<Family, string> | undefined {
    if (families.some((family) => (pool.ranges[family] ?? []).length === 0)) return undefined;
    const shared = this.#shared(request, pool, families);
    if (shared !== undefined) return shared;
    const at = (family: Family, index: bigint) => this.#at(request, pool, family, index);
    const fits = (index: bigint) => families.every((family) => at(family, index) !== undefined);
    const same = like !== undefined && fits(like) ? like : this.#search(pool, families, fits);
    if (same !== undefined) return new Map(families.map((family) => [family, at(family, same) as string]));
    if (families.length === 1) return undefined;
    const each = families.map((family) => this.together(request, pool, [family])?.get(family));
    if (each.some((address) => address === undefined)) return undefined;
    return new Map(families.map((family, index) => [family, each[index] as string]));
  }

  /** Addresses that another Service of the same sharing key has. */
  #shared(
    request: AddressRequest,
    pool: AddressPool,
    families: readonly Family[],
  ): Map<Family, string> | undefined {
    if (request.sharing === undefined) return undefined;
    const found = new Map<Family, string>();
    for (const text of this.#owners.addresses()) {
      const address = parseAddress(text) as Address;
      const { family } = address;
      if (!families.includes(family) || found.has(family) || !this.#owners.isFree(text, request)) continue;
      if (inRanges(pool.ranges[family] ?? [], address)) found.set(family, text);
    }
    return found.size === families.length ? found : undefined;
  }

  #search(
    pool: AddressPool,
    families: readonly Family[],
    accept: (index: bigint) => boolean,
  ): bigint | undefined {
    const sizes = families.map((family) => sizeOf(pool.ranges[family] ?? []));
    const [size = 0n] = sizes.toSorted((a, b) => Number(a - b));
    if (size === 0n) return undefined;
    const cursor = `${pool.name} ${families.length === 1 ? families[0] : "both"}`;
    const start = (this.#next.get(cursor) ?? 0n) % size;
    for (let tries = 0n; tries < size && tries < MOST_TRIES; tries++) {
      const index = (start + tries) % size;
      if (!accept(index)) continue;
      this.#next.set(cursor, index + 1n);
      return index;
    }
    return undefined;
  }

  #at(request: AddressRequest, pool: AddressPool, family: Family, index: bigint): string | undefined {
    const ranges = pool.ranges[family] ?? [];
    const address = addressIn(ranges, index);
    if (address === undefined || !isGivable(ranges, address, pool.avoidBuggyIPs)) return undefined;
    const text = formatAddress(address);
    return this.#owners.has(text) ? undefined : this.#owners.isFree(text, request) ? text : undefined;
  }
}
