/**
 * Addresses and networks as Kubernetes' components read them from flags. They keep the parser of Go before 1.17
 * (k8s.io/utils/net, ParseIPSloppy and ParseCIDRSloppy): leading zeros are decimal, IPv6 groups may have any number of
 * digits, and an IPv4-mapped address is IPv4 wherever Go's net.IP says so.
 */
import { formatAddress, parseAddress } from "../../ip/address.ts";
import type { Family } from "../../ip/family.ts";

/** Go's net.IP: 128 bits, IPv4 addresses in their IPv4-mapped form. */
export type GoIP = bigint;

/** Go's net.IPNet. `bits` is the length of its mask: 32, or 128 (also of an IPv4-mapped network). */
export interface GoNet {
  readonly ip: GoIP;
  readonly ones: number;
  readonly bits: 32 | 128;
}

const MAPPED = 0xffffn << 32n;
const LIMIT = 0xffffff;

/** The family that Go sees in an address: IPv4-mapped is IPv4 (net.IP.To4). */
export function goFamily(ip: GoIP): Family {
  return ip >> 32n === 0xffffn ? "IPv4" : "IPv6";
}

/** The family of a network: that of its masked address. */
export function goNetFamily(net: GoNet): Family {
  return goFamily(net.ip);
}

/** net.IP.String. */
export function formatGoIP(ip: GoIP): string {
  const family = goFamily(ip);
  return formatAddress({ family, value: family === "IPv4" ? ip & 0xffffffffn : ip });
}

/** net.IPNet.String: an IPv4-mapped network is printed as the IPv4 network that it covers. */
export function formatGoNet(net: GoNet): string {
  const ones = goNetFamily(net) === "IPv4" && net.bits === 128 ? net.ones - 96 : net.ones;
  return `${formatGoIP(net.ip)}/${ones}`;
}

/** How many addresses a network holds; none when it is half of all or more (netutils.RangeSize without its ceiling). */
export function goNetSize(net: GoNet): bigint {
  return net.ones <= 1 ? 0n : 1n << BigInt(net.bits - net.ones);
}

/** Whether the networks hold at least one of each family (netutils.IsDualStackCIDRs). */
export function isDualStack(nets: readonly GoNet[]): boolean {
  return nets.some((net) => goNetFamily(net) === "IPv4") && nets.some((net) => goNetFamily(net) === "IPv6");
}

/** net.ParseIP, the strict parser of today's Go, as pflag uses it. */
export function parseIPStrict(text: string): GoIP | undefined {
  const address = parseAddress(text);
  if (address === undefined) return undefined;
  return address.family === "IPv4" ? MAPPED | address.value : address.value;
}

/** netutils.ParseIPSloppy. */
export function parseIPSloppy(text: string): GoIP | undefined {
  const first = /[.:]/.exec(text)?.[0];
  if (first === undefined) return undefined;
  const v4 = first === "." ? parseV4(text) : undefined;
  if (first === ".") return v4 === undefined ? undefined : MAPPED | v4;
  return parseV6(text);
}

/** netutils.ParseCIDRSloppy; undefined where Go says `invalid CIDR address: <text>`. */
export function parseCIDRSloppy(text: string): GoNet | undefined {
  const slash = text.indexOf("/");
  if (slash < 0) return undefined;
  const address = text.slice(0, slash);
  const v4 = parseV4(address);
  const bits = v4 === undefined ? 128 : 32;
  const ip = v4 === undefined ? parseV6(address) : MAPPED | v4;
  const ones = parseDecimal(text.slice(slash + 1));
  if (ip === undefined || ones === undefined || ones > bits) return undefined;
  const hostBits = BigInt(bits - ones);
  return { ip: (ip >> hostBits) << hostBits, ones, bits };
}

function parseV4(text: string): bigint | undefined {
  const octets = text.split(".").map(parseDecimal);
  if (octets.length !== 4) return undefined;
  let value = 0n;
  for (const octet of octets) {
    if (octet === undefined || octet > 255) return undefined;
    value = (value << 8n) | BigInt(octet);
  }
  return value;
}

function parseV6(text: string): bigint | undefined {
  const halves = text.split("::");
  if (halves.length > 2) return undefined;
  const head = parseGroups(halves[0]!, halves.length === 1);
  if (halves.length === 1) return head?.length === 8 ? joinGroups(head) : undefined;
  const tail = parseGroups(halves[1]!, true);
  if (head === undefined || tail === undefined || head.length + tail.length > 7) return undefined;
  const zeros = Array<bigint>(8 - head.length - tail.length).fill(0n);
  return joinGroups([...head, ...zeros, ...tail]);
}

/** The groups of one side of `::`; the last of the address may be IPv4. */
function parseGroups(text: string, last: boolean): bigint[] | undefined {
  if (text === "") return [];
  const groups: bigint[] = [];
  const words = text.split(":");
  for (const [index, word] of words.entries()) {
    if (last && index === words.length - 1 && word.includes(".")) {
      const v4 = parseV4(word);
      if (v4 === undefined) return undefined;
      groups.push(v4 >> 16n, v4 & 0xffffn);
    } else {
      if (!/^[0-9a-fA-F]+$/.test(word)) return undefined;
      const group = BigInt(`0x${word}`);
      if (group > 0xffffn) return undefined;
      groups.push(group);
    }
  }
  return groups;
}

function joinGroups(groups: readonly bigint[]): bigint {
  return groups.reduce((value, group) => (value << 16n) | group, 0n);
}

function parseDecimal(text: string): number | undefined {
  if (!/^[0-9]+$/.test(text)) return undefined;
  const value = Number(text);
  return value >= LIMIT ? undefined : value;
}
