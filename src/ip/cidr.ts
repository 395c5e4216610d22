import { type Address, formatAddress, parseAddress } from "./address.ts";
import { bitsOf, type Family } from "./family.ts";

/** A network: its first address and the length of its prefix. `base` has no host bits set. */
export interface Cidr {
  readonly family: Family;
  readonly base: bigint;
  readonly prefix: number;
}

/** Reads `address/prefix` in strict form; host bits are dropped. Undefined when it is not one. */
export function parseCidr(text: string): Cidr | undefined {
  const slash = text.indexOf("/");
  if (slash < 0) return undefined;
  const address = parseAddress(text.slice(0, slash));
  const length = text.slice(slash + 1);
  if (address === undefined || !/^(0|[1-9][0-9]{0,2})$/.test(length)) return undefined;
  const prefix = Number(length);
  return prefix > bitsOf(address.family) ? undefined : cidrOf(address, prefix);
}

/** The network of the given prefix length that holds an address. */
export function cidrOf(address: Address, prefix: number): Cidr {
  const hostBits = BigInt(bitsOf(address.family) - prefix);
  return { family: address.family, base: (address.value >> hostBits) << hostBits, prefix };
}

/** The text of a network: `10.96.0.0/16`. */
export function formatCidr(cidr: Cidr): string {
  return `${formatAddress({ family: cidr.family, value: cidr.base })}/${cidr.prefix}`;
}

/** How many addresses a network holds. */
export function cidrSize(cidr: Cidr): bigint {
  return 1n << BigInt(bitsOf(cidr.family) - cidr.prefix);
}

/** The address at an index of the network, 0 being its first; a negative index counts from its end. */
export function addressAt(cidr: Cidr, index: bigint): Address {
  const offset = index < 0n ? cidrSize(cidr) + index : index;
  return { family: cidr.family, value: cidr.base + offset };
}

/** Whether an address lies inside a network. */
export function cidrContains(cidr: Cidr, address: Address): boolean {
  return (
    cidr.family === address.family && address.value >= cidr.base && address.value < cidr.base + cidrSize(cidr)
  );
}

/** Whether two networks share an address. */
export function cidrsOverlap(a: Cidr, b: Cidr): boolean {
  if (a.family !== b.family) return false;
  return a.prefix <= b.prefix
    ? cidrContains(a, { family: b.family, value: b.base })
    : cidrContains(b, { family: a.family, value: a.base });
}

/** The n-th network of a longer prefix inside this one. */
export function subnetAt(cidr: Cidr, prefix: number, index: bigint): Cidr {
  const step = 1n << BigInt(bitsOf(cidr.family) - prefix);
  return { family: cidr.family, base: cidr.base + index * step, prefix };
}
