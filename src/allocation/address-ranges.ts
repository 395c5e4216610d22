import { type Address, formatAddress } from "../ip/address.ts";
import { type Cidr, cidrContains, cidrSize, formatCidr, parseCidr } from "../ip/cidr.ts";
import type { Family } from "../ip/family.ts";
import type { ServiceCIDR } from "../objects/types.ts";
import type { Random } from "./ledger.ts";

/** A range that Services' addresses come from: one entry of a ServiceCIDR's `spec.cidrs`. */
export interface AddressRange {
  readonly cidr: Cidr;
  /** Whether new addresses may come from it. */
  readonly ready: boolean;
  /** The first usable address: the network's own is never given out. */
  readonly first: bigint;
  /** How many addresses are usable; IPv4 goes without its broadcast address. */
  readonly usable: bigint;
  /** How many of the first ones are left to users' own choices for as long as there are others (KEP-3070). */
  readonly staticBand: bigint;
}

const MIN_BAND = 16n;
const MAX_BAND = 256n;
/** A longer IPv6 range than this is refused by the real allocator, which then acts as if there were none. */
const SHORTEST_IPV6_PREFIX = 64;

const parsed = new WeakMap<ServiceCIDR, readonly AddressRange[]>();

/** The ranges of one family among these ServiceCIDRs, in their order. Objects are read once each. */
export function rangesOf(serviceCidrs: readonly ServiceCIDR[], family: Family): AddressRange[] {
  return serviceCidrs.flatMap((object) => read(object).filter(({ cidr }) => cidr.family === family));
}

function read(object: ServiceCIDR): readonly AddressRange[] {
  let ranges = parsed.get(object);
  if (ranges === undefined) {
    const ready = isServiceCidrReady(object);
    ranges = object.spec.cidrs.flatMap((text) => {
      const cidr = parseCidr(text);
      return cidr === undefined ? [] : (addressRangeOf(cidr, ready) ?? []);
    });
    parsed.set(object, ranges);
  }
  return ranges;
}

/** Whether new addresses may come from a ServiceCIDR; one without a Ready condition counts as ready. */
function isServiceCidrReady(object: ServiceCIDR): boolean {
  if (object.metadata.deletionTimestamp !== undefined) return false;
  const condition = object.status?.conditions?.find(({ type }) => type === "Ready");
  return condition === undefined || condition.status === "True";
}

/** The usable part of a network, or undefined when it has none (pkg/registry/core/service/ipallocator). */
export function addressRangeOf(cidr: Cidr, ready = true): AddressRange | undefined {
  if (cidr.family === "IPv6" && cidr.prefix < SHORTEST_IPV6_PREFIX) return undefined;
  const size = cidrSize(cidr);
  const usable = size - (cidr.family === "IPv4" ? 2n : 1n);
  if (usable <= 0n) return undefined;
  return { cidr, ready, first: cidr.base + 1n, usable, staticBand: staticBandOf(size) };
}

function staticBandOf(size: bigint): bigint {
  if (size <= MIN_BAND) return 0n;
  const sixteenth = size / 16n;
  if (sixteenth < MIN_BAND) return MIN_BAND;
  return sixteenth > MAX_BAND ? MAX_BAND : sixteenth;
}

/** Whether a range can give out this address. */
export function isUsableIn(range: AddressRange, address: Address): boolean {
  if (!cidrContains(range.cidr, address)) return false;
  return address.value >= range.first && address.value < range.first + range.usable;
}

/**
 * A free address of a range: from a random place on through its dynamic band, then likewise through its
 * static band. Undefined when all are taken.
 */
export function findFreeAddress(
  range: AddressRange,
  isTaken: (name: string) => boolean,
  random: Random,
): string | undefined {
  const { staticBand, usable } = range;
  const dynamic = findInBand(range, staticBand, usable - staticBand, isTaken, random);
  return dynamic ?? findInBand(range, 0n, staticBand, isTaken, random);
}

function findInBand(
  range: AddressRange,
  from: bigint,
  count: bigint,
  isTaken: (name: string) => boolean,
  random: Random,
): string | undefined {
  if (count <= 0n) return undefined;
  const start = randomBelow(count, random);
  const { family } = range.cidr;
  for (let step = 0n; step < count; step++) {
    let place = start + step;
    if (place >= count) place -= count;
    const name = formatAddress({ family, value: range.first + from + place });
    if (!isTaken(name)) return name;
  }
  return undefined;
}

const TWO_32 = 0x1_0000_0000;

function randomBelow(count: bigint, random: Random): bigint {
  if (count <= BigInt(TWO_32)) return BigInt(Math.floor(random() * Number(count)));
  const high = BigInt(Math.floor(random() * TWO_32));
  const low = BigInt(Math.floor(random() * TWO_32));
  return ((high << 32n) | low) % count;
}

/** The text of the network, and of its first address, which stands for an allocated one in dry runs. */
export function describeRange({ cidr }: AddressRange): { text: string; network: string } {
  return { text: formatCidr(cidr), network: formatAddress({ family: cidr.family, value: cidr.base }) };
}
