/**
 * Who has which address of which pool. Pure: pools and Services come from outside, and statuses are the memory: what a
 * Service says that it holds it is given again, so that a start anew needs nothing else.
 */
import { type Address, formatAddress, parseAddress } from "../../ip/address.ts";
import { type Family, FAMILIES, familiesOf, type PerFamily } from "../../ip/family.ts";
import { type AddressRange, addressIn, indexOf, inRanges, isGivable, sizeOf } from "./ranges.ts";

/** A pool: ranges of one family, or of both. */
export interface AddressPool {
  readonly name: string;
  readonly ranges: PerFamily<readonly AddressRange[]>;
  /** Without it the pool, or an address of it, has to be asked for. */
  readonly autoAssign: boolean;
  readonly avoidBuggyIPs: boolean;
  /** Whether a Service, `namespace/name`, may have addresses of it; true for all where there are no selectors. */
  readonly accepts: (service: string) => boolean;
}

/** What a Service asks for. */
export interface AddressRequest {
  /** `namespace/name`. */
  readonly key: string;
  /** In the order in which they are wanted. */
  readonly families: readonly Family[];
  /** RequireDualStack: all of them or none; else what there is now, and the rest when there is a pool for it. */
  readonly all: boolean;
  readonly pool?: string | undefined;
  readonly addresses: PerFamily<string>;
  /** What its status says. */
  readonly held: readonly string[];
  /** Addresses of nodes, in canonical text: nobody gets them, whatever pool has them. */
  readonly nodes?: ReadonlySet<string> | undefined;
  /** Lets Services that give the same key have one address, for different ports (`TCP/443`). */
  readonly sharing?: { readonly key: string; readonly ports: readonly string[] } | undefined;
}

/** Why a Service lacks an address. */
export interface AddressProblem {
  readonly family: Family;
  readonly reason: "AddressNotUsable" | "AddressRangeExhausted" | "NoPoolForFamily" | "WaitingForAllFamilies";
  readonly message: string;
}

/** What a Service gets. */
export interface AddressAnswer {
  readonly addresses: PerFamily<string>;
  /** The pool that each comes from. */
  readonly pools: PerFamily<string>;
  readonly problems: readonly AddressProblem[];
}

/** How full a pool is. */
export interface PoolCount {
  readonly used: number;
  readonly free: bigint;
}

interface Owner {
  readonly key: string;
  readonly sharing: AddressRequest["sharing"];
}

interface Found {
  readonly address: string;
  readonly pool: string;
}

/** As many addresses are looked at for one that is free. */
const MOST_TRIES = 65_536n;

/** The book of addresses of one balancer. */
export class AddressBook {
  /** How pools are called in messages. */
  readonly #called: (names: string) => string;
  #pools: readonly AddressPool[] = [];
  /** By address in canonical text. */
  readonly #owners = new Map<string, readonly Owner[]>();
  /** Where the search of each pool goes on, so that an address that was just given back rests for a while. */
  readonly #next = new Map<string, bigint>();

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
    const gone: string[] = [];
    for (const [address, owners] of this.#owners) {
      const others = owners.filter((owner) => owner.key !== key);
      if (others.length === owners.length) continue;
      gone.push(address);
      if (others.length === 0) this.#owners.delete(address);
      else this.#owners.set(address, others);
    }
    return gone;
  }

  /** The Services that have an address. */
  ownersOf(address: string): readonly string[] {
    return (this.#owners.get(address) ?? []).map(({ key }) => key);
  }

  /** How full each pool is, by its name. */
  counts(): Map<string, PerFamily<PoolCount>> {
    const taken = [...this.#owners.keys()].map((text) => parseAddress(text) as Address);
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
    if (pool !== undefined && this.#isFree(ip, request)) return { address: ip, pool: pool.name };
    const why =
      pool === undefined ? "no pool for this Service has it" : `${this.#ownersText(ip, request)} has it`;
    problems.push({ family, reason: "AddressNotUsable", message: `${ip} cannot be given: ${why}` });
    return "refused";
  }

  #ownersText(address: string, { nodes }: AddressRequest): string {
    if (nodes?.has(address)) return "a node";
    const keys = this.ownersOf(address);
    return `${keys.length > 1 ? "Services" : "Service"} ${keys.join(", ")}`;
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
      if (pool === undefined || !this.#isFree(ip, request)) continue;
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
      const all = this.#together(request, pool, missing, used.has(pool.name) ? like : undefined);
      if (all === undefined) continue;
      for (const [family, address] of all) found.set(family, { address, pool: pool.name });
      return;
    }
    for (const family of missing) {
      for (const pool of order) {
        const address = this.#together(request, pool, [family])?.get(family);
        if (address === undefined || found.has(family)) continue;
        found.set(family, { address, pool: pool.name });
      }
    }
  }

  /** An address of each of the families, at the same index where that is free in all, so that they look alike. */
  #together(
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
    const each = families.map((family) => this.#together(request, pool, [family])?.get(family));
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
    for (const text of this.#owners.keys()) {
      const address = parseAddress(text) as Address;
      const { family } = address;
      if (!families.includes(family) || found.has(family) || !this.#isFree(text, request)) continue;
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
    return this.#owners.has(text) ? undefined : this.#isFree(text, request) ? text : undefined;
  }

  #isFree(address: string, { sharing, nodes }: AddressRequest): boolean {
    if (nodes?.has(address)) return false;
    return (this.#owners.get(address) ?? []).every((owner) => {
      if (sharing === undefined || owner.sharing?.key !== sharing.key) return false;
      return !owner.sharing.ports.some((port) => sharing.ports.includes(port));
    });
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
    for (const { address } of found.values()) {
      const owner = { key: request.key, sharing: request.sharing };
      this.#owners.set(address, [...(this.#owners.get(address) ?? []), owner]);
    }
    const pick = (field: keyof Found): PerFamily<string> =>
      Object.fromEntries([...found].map(([family, one]) => [family, one[field]]));
    return { addresses: pick("address"), pools: pick("pool"), problems };
  }
}

/** The addresses in the order wanted. */
export function inOrder(addresses: PerFamily<string>, order: readonly Family[] = FAMILIES): string[] {
  return familiesOf(addresses, order).map((family) => addresses[family] as string);
}
