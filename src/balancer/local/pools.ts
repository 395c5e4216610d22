/**
 * Who has which address of which pool. Pure: pools and Services come from outside, and statuses are the memory: what a
 * Service says that it holds it is given again, so that a start anew needs nothing else.
 */
import { type Address, formatAddress, parseAddress } from "../../ip/address.ts";
import type { Family, PerFamily } from "../../ip/family.ts";
import type { AddressAnswer, AddressPool, AddressProblem, AddressRequest, PoolCount } from "./addresses.ts";
import { AddressOwners } from "./owners.ts";
import { PoolSearch } from "./pool-search.ts";
import { type AddressRange, indexOf, inRanges, sizeOf } from "./ranges.ts";

interface Found {
  readonly address: string;
  readonly pool: string;
}

/** The book of addresses of one balancer. */
export class AddressBook {
  /** How pools are called in messages. */
  readonly #called: (names: string) => string;
  #pools: readonly AddressPool[] = [];
  readonly #owners = new AddressOwners();
  readonly #search = new PoolSearch(this.#owners);
  constructor(called = (names: string) => `LoadBalancerPool ${names}`) {
    this.#called = called;
  }

  /** Takes in the pools as they are now, in any order. */
  setPools(pools: readonly AddressPool[]): void {
    this.#pools = pools.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** Gives a Service its addresses; the same ones again where nothing changed. */
  assign(request: AddressRequest): AddressAnswer {
    this.release(request.key);
    const problems: AddressProblem[] = [];
    const found = new Map<Family, Found>();
    const refused = new Set<Family>();
    for (const family of request.families) {
      const asked = this.#requested(request, family, problems);
      if (asked === "refused") refused.add(family);
      else if (asked) found.set(family, asked);
    }
    const pools = this.#poolsFor(request);
    const like = this.#keepHeld(request, pools, found, refused);
    const missing = request.families.filter((family) => !found.has(family) && !refused.has(family));
    this.#fill(request, pools, { missing, like }, found);
    for (const family of missing)
      if (!found.has(family)) problems.push(this.#whyNone(request, pools, family));
    return this.#settle(request, found, problems);
  }

  /** Takes a Service's addresses back; says which. */
  release(key: string): string[] {
    return this.#owners.release(key);
  }

  /** The Services that have an address. */
  ownersOf(address: string): readonly string[] {
    return this.#owners.of(address);
  }

  /** How full each pool is, by its name. */
  counts(): Map<string, PerFamily<PoolCount>> {
    const taken = [...this.#owners.addresses()].map((text) => parseAddress(text) as Address);
    return new Map(
      this.#pools.map(({ name, ranges }) => {
        const count = (list: readonly AddressRange[] | undefined): PoolCount | undefined => {
          if (list === undefined || list.length === 0) return undefined;
          const used = taken.filter((address) => inRanges(list, address)).length;
          return { used, free: sizeOf(list) - BigInt(used) };
        };
        const [IPv4, IPv6] = [count(ranges.IPv4), count(ranges.IPv6)];
        return [name, { ...(IPv4 && { IPv4 }), ...(IPv6 && { IPv6 }) }];
      }),
    );
  }

  /** An address that was asked for; undefined where none was. */
  #requested(
    request: AddressRequest,
    family: Family,
    problems: AddressProblem[],
  ): Found | "refused" | undefined {
    const text = request.addresses[family];
    const address = text === undefined ? undefined : parseAddress(text);
    if (address === undefined) return undefined;
    const pool = this.#pools.find(
      ({ name, ranges, accepts }) =>
        inRanges(ranges[family] ?? [], address) && (request.pool ?? name) === name && accepts(request.key),
    );
    const ip = formatAddress(address);
    if (pool !== undefined && this.#owners.isFree(ip, request)) return { address: ip, pool: pool.name };
    const why =
      pool === undefined ? "no pool for this Service has it" : `${this.#owners.textOf(ip, request)} has it`;
    problems.push({ family, reason: "AddressNotUsable", message: `${ip} cannot be given: ${why}` });
    return "refused";
  }

  #poolsFor({ key, pool }: AddressRequest): AddressPool[] {
    return this.#pools.filter(({ name, autoAssign, accepts }) => {
      return (pool === undefined ? autoAssign : name === pool) && accepts(key);
    });
  }

  /** What a Service holds it keeps as long as a pool that it may use has it; says at which index of its pool that is. */
  #keepHeld(
    request: AddressRequest,
    pools: readonly AddressPool[],
    found: Map<Family, Found>,
    refused: ReadonlySet<Family>,
  ): bigint | undefined {
    let index: bigint | undefined;
    const wanted = (family: Family) => request.families.includes(family) && !refused.has(family);
    for (const text of request.held) {
      const address = parseAddress(text);
      if (address === undefined || !wanted(address.family) || found.has(address.family)) continue;
      const pool = pools.find(({ ranges }) => inRanges(ranges[address.family] ?? [], address));
      const ip = formatAddress(address);
      if (pool === undefined || !this.#owners.isFree(ip, request)) continue;
      found.set(address.family, { address: ip, pool: pool.name });
      index ??= indexOf(pool.ranges[address.family] ?? [], address);
    }
    return index;
  }

  /** All that is missing from one pool, that of the other family's address first; else each family from where it is. */
  #fill(
    request: AddressRequest,
    pools: readonly AddressPool[],
    { missing, like }: { readonly missing: readonly Family[]; readonly like: bigint | undefined },
    found: Map<Family, Found>,
  ): void {
    if (missing.length === 0) return;
    const used = new Set([...found.values()].map(({ pool }) => pool));
    const order = pools.toSorted((a, b) => Number(used.has(b.name)) - Number(used.has(a.name)));
    for (const pool of order) {
      const all = this.#search.together(request, pool, missing, used.has(pool.name) ? like : undefined);
      if (all === undefined) continue;
      for (const [family, address] of all) found.set(family, { address, pool: pool.name });
      return;
    }
    for (const family of missing) {
      for (const pool of order) {
        const address = this.#search.together(request, pool, [family])?.get(family);
        if (address === undefined || found.has(family)) continue;
        found.set(family, { address, pool: pool.name });
      }
    }
  }

  #whyNone(request: AddressRequest, pools: readonly AddressPool[], family: Family): AddressProblem {
    const having = pools.filter(({ ranges }) => (ranges[family] ?? []).length > 0);
    if (having.length > 0) {
      const names = having.map(({ name }) => name).join(", ");
      const message = `no ${family} address is left in ${this.#called(names)}`;
      return { family, reason: "AddressRangeExhausted", message };
    }
    const { pool } = request;
    const what = pool === undefined ? "no LoadBalancerPool for this Service" : `LoadBalancerPool ${pool}`;
    const known = pool === undefined || this.#pools.some(({ name }) => name === pool);
    const message = known
      ? `${what} has${pool === undefined ? "" : " no"} ${family} addresses`
      : `there is no ${what}`;
    return { family, reason: "NoPoolForFamily", message };
  }

  #settle(
    request: AddressRequest,
    found: ReadonlyMap<Family, Found>,
    problems: AddressProblem[],
  ): AddressAnswer {
    const lacks = request.families.filter((family) => !found.has(family));
    if (request.all && lacks.length > 0) {
      const others = request.families.filter((family) => found.has(family));
      for (const family of others) {
        const message = `${family} waits for ${lacks.join(", ")}: the Service wants all of its families or none`;
        problems.push({ family, reason: "WaitingForAllFamilies", message });
      }
      return { addresses: {}, pools: {}, problems };
    }
    for (const { address } of found.values()) this.#owners.add(address, request);
    const pick = (field: keyof Found): PerFamily<string> =>
      Object.fromEntries([...found].map(([family, one]) => [family, one[field]]));
    return { addresses: pick("address"), pools: pick("pool"), problems };
  }
}
