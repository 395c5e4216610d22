import { isIPv4, isIPv6 } from "node:net";
import type { Family } from "./family.ts";

/** One IP address: its family and its value as a number of 32 or 128 bits. */
export interface Address {
  readonly family: Family;
  readonly value: bigint;
}

/**
 * Reads an address in strict textual form; undefined when it is none. Zones (`fe80::1%eth0`) and octal-looking
 * IPv4 octets are refused. An IPv4-mapped IPv6 address stays IPv6 here; Go's net.IP treats it as IPv4, see
 * {@link parseAddressAsGo}.
 */
export function parseAddress(text: string): Address | undefined {
  if (isIPv4(text)) return { family: "IPv4", value: parseIPv4(text) };
  if (isIPv6(text) && !text.includes("%")) return { family: "IPv6", value: parseIPv6(text) };
  return undefined;
}

const V4_MAPPED_PREFIX = 0xffffn;

/**
 * Reads an address as Kubernetes' `netutils.ParseIPSloppy` does: leading zeros in IPv4 octets are decimal, and an
 * IPv4-mapped IPv6 address is IPv4 (Go's net.IP has one form for both).
 */
export function parseAddressAsGo(text: string): Address | undefined {
  const address = parseAddress(/^[0-9.]+$/.test(text) ? stripLeadingZeros(text) : text);
  if (address?.family === "IPv6" && address.value >> 32n === V4_MAPPED_PREFIX) {
    return { family: "IPv4", value: address.value & 0xffffffffn };
  }
  return address;
}

function stripLeadingZeros(text: string): string {
  return text.replace(/(^|\.)0+(?=[0-9])/g, "$1");
}

function parseIPv4(text: string): bigint {
  let value = 0;
  for (const octet of text.split(".")) value = value * 256 + Number(octet);
  return BigInt(value);
}

function parseIPv6(text: string): bigint {
  const lastColon = text.lastIndexOf(":");
  const tail = text.slice(lastColon + 1);
  if (tail.includes(".")) {
    const v4 = parseIPv4(tail);
    const groups = `${(v4 >> 16n).toString(16)}:${(v4 & 0xffffn).toString(16)}`;
    return parseIPv6(text.slice(0, lastColon + 1) + groups);
  }
  const [head = "", rest] = text.split("::");
  const before = head === "" ? [] : head.split(":");
  const after = rest === undefined || rest === "" ? [] : rest.split(":");
  const zeros = rest === undefined ? 0 : 8 - before.length - after.length;
  const groups = [...before, ...Array<string>(zeros).fill("0"), ...after];
  return BigInt(`0x${groups.map((group) => group.padStart(4, "0")).join("")}`);
}

/** The canonical text of an address: dotted quad, or RFC 5952 (lower case, longest run of zeros shortened). */
export function formatAddress(address: Address): string {
  return address.family === "IPv4" ? formatIPv4(address.value) : formatIPv6(address.value);
}

function formatIPv4(value: bigint): string {
  const n = Number(value);
  return `${(n >>> 24) & 255}.${(n >>> 16) & 255}.${(n >>> 8) & 255}.${n & 255}`;
}

function formatIPv6(value: bigint): string {
  const groups: string[] = [];
  for (let shift = 112n; shift >= 0n; shift -= 16n) groups.push(((value >> shift) & 0xffffn).toString(16));
  const run = longestRunOfZeros(groups);
  if (run.length < 2) return groups.join(":");
  const before = groups.slice(0, run.start).join(":");
  const after = groups.slice(run.start + run.length).join(":");
  return `${before}::${after}`;
}

function longestRunOfZeros(groups: readonly string[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  for (let start = 0; start < groups.length; start++) {
    let length = 0;
    while (groups[start + length] === "0") length++;
    if (length > best.length) best = { start, length };
    start += length;
  }
  return best;
}

/** The family of an address in text, or undefined when it is none. */
export function familyOfText(text: string): Family | undefined {
  return parseAddress(text)?.family;
}

/** The canonical form of an address in text, or undefined when it is none. */
export function canonicalAddress(text: string): string | undefined {
  const address = parseAddress(text);
  return address && formatAddress(address);
}

/** The address `offset` further on (or back, when negative); the caller keeps it inside the family. */
export function addToAddress(address: Address, offset: bigint): Address {
  return { family: address.family, value: address.value + offset };
}

/** `address:port`, with IPv6 in brackets (RFC 3986). */
export function joinHostPort(address: string, port: number): string {
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}
