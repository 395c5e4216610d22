import { type Address, canonicalAddress, formatAddress, parseAddress } from "../../ip/address.ts";
import { addressAt, type Cidr, cidrContains, cidrSize } from "../../ip/cidr.ts";
import type { Family, PerFamily } from "../../ip/family.ts";
import { objectKey } from "../../objects/kinds.ts";
import type { LoadBalancerIngress, Service } from "../../objects/types.ts";

/** Asks for certain addresses, at most one a family, divided by commas; `spec.loadBalancerIP` has place for one only. */
export const REQUESTED_ADDRESSES = "tandem.dev/load-balancer-ips";

/** Why a Service lacks an address that it should have. */
export interface AddressProblem {
  readonly reason: "AddressNotUsable" | "AddressRangeExhausted";
  readonly message: string;
}

/** What a Service gets: addresses in the order of its families, and what it was refused. */
export interface Assignment {
  readonly ingress: readonly LoadBalancerIngress[];
  readonly problems: readonly AddressProblem[];
}

/** Index 0 is the network's own; the last of an IPv4 range may be a broadcast address. */
const FIRST_INDEX = 1;
const MAX_INDEX = 65_000;

/**
 * The balancer addresses of a lab: one index a Service, with an address of each of its families at that index, as long
 * as nobody asks for another. What a Service's status says it keeps, so that the statuses are all the memory there is.
 */
export class BalancerAddresses {
  readonly #ranges: PerFamily<Cidr>;
  readonly #owners = new Map<string, string>();
  readonly #last: number;
  #next = FIRST_INDEX;

  constructor(ranges: PerFamily<Cidr>) {
    this.#ranges = ranges;
    const sizes = [ranges.IPv4, ranges.IPv6].filter((range) => range !== undefined).map(cidrSize);
    this.#last = Math.min(MAX_INDEX, ...sizes.map(Number)) - 2;
  }

  /** Gives a Service its addresses; the same ones again where nothing changed. */
  assign(service: Service): Assignment {
    const key = objectKey(service);
    const held = (service.status?.loadBalancer?.ingress ?? []).flatMap(({ ip }) => ip ?? []);
    this.release(key);
    const families = (service.spec.ipFamilies ?? []).filter((family) => this.#ranges[family] !== undefined);
    const requested = requestedAddresses(service);
    const problems: AddressProblem[] = [];
    const asked = families.map((family) => this.#requested(family, requested, key, problems));
    const index = this.#indexFor(
      families.filter((_, place) => asked[place] === undefined),
      held,
    );
    const ingress = families.flatMap((family, place) => {
      const ip = asked[place] ?? (index === undefined ? undefined : this.#at(family, index));
      if (ip === REFUSED) return [];
      if (ip === undefined) problems.push(this.#exhausted(family));
      else this.#owners.set(ip, key);
      return ip === undefined ? [] : [{ ip, ipMode: "VIP" as const }];
    });
    return { ingress, problems };
  }

  /** Takes a Service's addresses back; says whether it had any. */
  release(key: string): boolean {
    const held = [...this.#owners].filter(([, owner]) => owner === key);
    for (const [ip] of held) this.#owners.delete(ip);
    return held.length > 0;
  }

  /** The address asked for in a family, {@link REFUSED} where it cannot be had, undefined where none is asked for. */
  #requested(
    family: Family,
    requested: readonly string[],
    key: string,
    problems: AddressProblem[],
  ): string | undefined {
    const wanted = requested.map((text) => [text, parseAddress(text)] as const);
    const [text, address] = wanted.find(([, parsed]) => parsed?.family === family) ?? [];
    if (text === undefined || address === undefined) return undefined;
    const ip = formatAddress(address);
    const why = this.#whyNot(family, address, this.#owners.get(ip), key);
    if (why === undefined) return ip;
    problems.push({ reason: "AddressNotUsable", message: `${ip} cannot be given: ${why}` });
    return REFUSED;
  }

  #whyNot(family: Family, address: Address, owner: string | undefined, key: string): string | undefined {
    const range = this.#ranges[family];
    if (range === undefined || !cidrContains(range, address))
      return "it is not in the lab's range of balancer addresses";
    return owner === undefined || owner === key ? undefined : `Service ${owner} has it`;
  }

  /** The index of an address that the Service holds, else a free one; undefined when there is none. */
  #indexFor(families: readonly Family[], held: readonly string[]): number | undefined {
    const mine = held.map((ip) => this.#indexOf(ip)).find((index) => index !== undefined);
    if (mine !== undefined && this.#isFree(families, mine)) return mine;
    for (let tries = FIRST_INDEX; tries <= this.#last; tries++) {
      const index = this.#next;
      this.#next = index >= this.#last ? FIRST_INDEX : index + 1;
      if (this.#isFree(families, index)) return index;
    }
    return undefined;
  }

  #isFree(families: readonly Family[], index: number): boolean {
    return families.every((family) => !this.#owners.has(this.#at(family, index)));
  }

  #indexOf(ip: string): number | undefined {
    const address = parseAddress(ip);
    const range = address && this.#ranges[address.family];
    if (address === undefined || range === undefined || !cidrContains(range, address)) return undefined;
    const index = Number(address.value - range.base);
    return index >= FIRST_INDEX && index <= this.#last ? index : undefined;
  }

  #at(family: Family, index: number): string {
    return formatAddress(addressAt(this.#ranges[family] as Cidr, BigInt(index)));
  }

  #exhausted(family: Family): AddressProblem {
    const message = `no ${family} address is left in the lab's range of balancer addresses`;
    return { reason: "AddressRangeExhausted", message };
  }
}

/** No address has this text. */
const REFUSED = "";

/** The addresses that a Service asks for, in canonical form; what is no address is left out. */
function requestedAddresses({ metadata, spec }: Service): string[] {
  const texts = metadata.annotations?.[REQUESTED_ADDRESSES]?.split(",") ?? [];
  return [...texts, spec.loadBalancerIP ?? ""].flatMap((text) => canonicalAddress(text.trim()) ?? []);
}

/** The name of the lab's own class of balancers; a Service without a class is the lab's, too. */
export const BALANCER_CLASS = "tandem.dev/lab";

/** With these types a Service is a load balancer's as on AWS, which the balancer outside of the nodes stands in for. */
const BALANCER_TYPE = "service.beta.kubernetes.io/aws-load-balancer-type";
const OTHER_TYPES: readonly string[] = ["external", "nlb-ip"];

/** Whether the lab gives the Service its addresses: of type LoadBalancer, and no balancer of another class. */
export function isOurs({ metadata, spec }: Service): boolean {
  if (spec.type !== "LoadBalancer" || metadata.deletionTimestamp !== undefined) return false;
  const { annotations = {} } = metadata;
  if (spec.loadBalancerClass === undefined && OTHER_TYPES.includes(annotations[BALANCER_TYPE] ?? ""))
    return false;
  return spec.loadBalancerClass === undefined || spec.loadBalancerClass === BALANCER_CLASS;
}
