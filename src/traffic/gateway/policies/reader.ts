/** Reads values of a policy and gathers what is wrong with them: field and reason. */
import { parseQuantity } from "../../../objects/quantity.ts";
import { familyOfText } from "../../../ip/address.ts";
import { type Cidr, formatCidr, parseCidr } from "../../../ip/cidr.ts";
import { bitsOf, FAMILIES } from "../../../ip/family.ts";
import { parseDuration } from "../routes/duration.ts";

/** What was found while a policy was read. */
export interface PolicyReader {
  /** `field: reason`; with one the policy is not in force. */
  readonly problems: string[];
  /** What is in force but may surprise. */
  readonly notes: string[];
}

/** Notes that a value cannot be. */
export function refuse(reader: PolicyReader, field: string, why: string): undefined {
  reader.problems.push(`${field}: ${why}`);
  return undefined;
}

/** Milliseconds; undefined where the field is not there, or is no duration. */
export function milliseconds(
  text: string | undefined,
  field: string,
  reader: PolicyReader,
): number | undefined {
  if (text === undefined) return undefined;
  return (
    parseDuration(text) ??
    refuse(reader, field, `${JSON.stringify(text)} is no duration such as 10s or 1m30s (GEP-2257)`)
  );
}

/** As {@link milliseconds}, where Envoy takes nothing but times longer than 0. */
export function moreThanNothing(
  text: string | undefined,
  field: string,
  reader: PolicyReader,
): number | undefined {
  const value = milliseconds(text, field, reader);
  return value === 0 ? refuse(reader, field, "must be longer than 0") : value;
}

/** Milliseconds of a socket option, of which the kernel takes no more than `most`. */
export function atMost(
  value: number | undefined,
  most: number,
  field: string,
  reader: PolicyReader,
): number | undefined {
  if (value === undefined || value <= most) return value;
  const seconds = Math.floor(most / 1000);
  return refuse(reader, field, `is longer than ${seconds}s, which is all that the kernel takes`);
}

const MAX_COUNT = 2 ** 32 - 1;

/** A number that fits into the 32 bits that Envoy has for it. */
export function count(value: number | undefined, field: string, reader: PolicyReader): number | undefined {
  if (value === undefined || (Number.isInteger(value) && value >= 0 && value <= MAX_COUNT)) return value;
  return refuse(reader, field, `${value} is no number from 0 to ${MAX_COUNT}`);
}

/** Bytes of a quantity such as `32Ki`, at most 2^32 - 1. */
export function bytes(
  value: string | number | undefined,
  field: string,
  reader: PolicyReader,
): number | undefined {
  if (value === undefined) return undefined;
  const quantity = parseQuantity(String(value));
  const number = typeof quantity === "string" ? Number.NaN : Number(quantity.nanos) / 1e9;
  if (Number.isSafeInteger(number) && number > 0 && number < 2 ** 32) return number;
  return refuse(
    reader,
    field,
    `${JSON.stringify(value)} is no size from 1 to 4294967295 bytes, such as 32Ki`,
  );
}

/** CIDRs (or single addresses) of either family; notes a family that none of them is of. */
export function cidrs(
  list: readonly string[],
  field: string,
  reader: PolicyReader,
  consequence?: string,
): readonly string[] {
  const result = list.flatMap((text, index) => cidr(text, `${field}[${index}]`, reader) ?? []);
  noteMissing(result, field, reader, consequence);
  return result;
}

/** One CIDR, or a single address. */
export function cidr(text: string, field: string, reader: PolicyReader): string | undefined {
  const family = familyOfText(text);
  const whole = family === undefined ? text : `${text}/${bitsOf(family)}`;
  const network = parseCidr(whole);
  if (network === undefined) return refuse(reader, field, `${JSON.stringify(text)} is no CIDR`);
  const inner = unmapped(network);
  if (inner === undefined) return whole;
  const why = `${JSON.stringify(text)} holds IPv4-mapped addresses, which no client has; write ${formatCidr(inner)}`;
  return refuse(reader, field, why);
}

/** `::ffff:0:0/96` (RFC 4291, 2.5.5.2): clients over IPv4 come with addresses of that family. */
function unmapped({ family, base, prefix }: Cidr): Cidr | undefined {
  if (family !== "IPv6" || prefix < 96 || base >> 32n !== 0xffffn) return undefined;
  return { family: "IPv4", base: base & 0xffffffffn, prefix: prefix - 96 };
}

/** Notes a family that none of the networks is of. */
export function noteMissing(
  result: readonly string[],
  field: string,
  reader: PolicyReader,
  consequence: string | undefined,
): void {
  const families = new Set(result.map((cidr) => parseCidr(cidr)?.family));
  const missing = result.length === 0 ? [] : FAMILIES.filter((family) => !families.has(family));
  if (consequence !== undefined)
    for (const family of missing)
      reader.notes.push(`${field} has no ${family} network: ${consequence} ${family}`);
}

/** Leaves out what is undefined, so that objects compare by what they say. */
export function defined<T extends object>(object: { readonly [K in keyof T]: T[K] | undefined }): T {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as T;
}

/** As {@link defined}, or undefined where nothing is left. */
export function definedOrNone<T extends object>(
  object: { readonly [K in keyof T]: T[K] | undefined },
): T | undefined {
  const result = defined<T>(object);
  return Object.keys(result).length === 0 ? undefined : result;
}
