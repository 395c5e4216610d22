/** Ranges of addresses of one family: CIDRs, and `FIRST-LAST`. */
import { type Address, parseAddress } from "../../ip/address.ts";
import { type Cidr, cidrSize, formatCidr, parseCidr } from "../../ip/cidr.ts";
import type { Family } from "../../ip/family.ts";

/** Addresses from `first` to `last`, both included. */
export interface AddressRange {
  readonly family: Family;
  readonly first: bigint;
  readonly last: bigint;
}

/**
 * No host on a link has these: "this" network, loopback, link-local, multicast and what is reserved (RFC 6890); of IPv6
 * unspecified, loopback, IPv4-mapped, link-local and multicast (RFC 4291).
 */
const NOBODYS = [
  ...["0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/3"],
  ...["::/127", "::ffff:0:0/96", "fe80::/10", "ff00::/8"],
].flatMap((text) => parseCidr(text) ?? []);

/** Why a text is no range of a pool for a family; undefined where it is one. */
export function whyNoRange(text: string, family: Family): string | undefined {
  const range = parseRange(text);
  if (range?.family !== family) return "the last address must not be before the first";
  const nobodys = NOBODYS.find((cidr) => overlaps(range, cidr));
  return nobodys && `addresses of ${formatCidr(nobodys)} are no host's`;
}

function overlaps({ family, first, last }: AddressRange, cidr: Cidr): boolean {
  return family === cidr.family && first < cidr.base + cidrSize(cidr) && last >= cidr.base;
}

/** Reads `172.18.254.0/24` or `172.18.254.10-172.18.254.20`; undefined where it is neither, or ends before it begins. */
export function parseRange(text: string): AddressRange | undefined {
  const cidr = parseCidr(text.trim());
  if (cidr) return { family: cidr.family, first: cidr.base, last: cidr.base + cidrSize(cidr) - 1n };
  const [from, to, ...more] = text.split("-").map((part) => parseAddress(part.trim()));
  if (from === undefined || to === undefined || more.length > 0) return undefined;
  if (from.family !== to.family || from.value > to.value) return undefined;
  return { family: from.family, first: from.value, last: to.value };
}

/** How many addresses there are. */
export function sizeOf(ranges: readonly AddressRange[]): bigint {
  return ranges.reduce((sum, { first, last }) => sum + last - first + 1n, 0n);
}

/** The address at an index, counted over all ranges; undefined beyond their end. */
export function addressIn(ranges: readonly AddressRange[], index: bigint): Address | undefined {
  let rest = index;
  for (const { family, first, last } of ranges) {
    const size = last - first + 1n;
    if (rest < size) return { family, value: first + rest };
    rest -= size;
  }
  return undefined;
}

/** The index of an address, counted over all ranges; undefined where it is in none. */
export function indexOf(ranges: readonly AddressRange[], { family, value }: Address): bigint | undefined {
  let before = 0n;
  for (const range of ranges) {
    if (range.family === family && value >= range.first && value <= range.last)
      return before + value - range.first;
    before += range.last - range.first + 1n;
  }
  return undefined;
}

/** Whether an address is in one of the ranges. */
export function inRanges(ranges: readonly AddressRange[], { family, value }: Address): boolean {
  return ranges.some((range) => range.family === family && value >= range.first && value <= range.last);
}

/**
 * Whether an address may be given by itself: not the first of a range where that is a network's own name (IPv6's
 * subnet-router anycast, RFC 4291, 2.6.1; IPv4's network address), nor an IPv4 broadcast address.
 */
export function isGivable(ranges: readonly AddressRange[], address: Address, avoidBuggy: boolean): boolean {
  const last8 = address.value & 0xffn;
  if (address.family === "IPv4") return !avoidBuggy || (last8 !== 0n && last8 !== 255n);
  return !ranges.some(
    ({ first, last }) => address.value === first && last > first && (first & 0xffffn) === 0n,
  );
}
