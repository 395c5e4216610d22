import { isIPv4 } from "node:net";
import { formatAddress, parseAddressAsGo } from "../ip/address.ts";
import { cidrOf, formatCidr } from "../ip/cidr.ts";
import { bitsOf, type Family } from "../ip/family.ts";

/** IPv6 text that is canonical already: lower case, no zero groups but those of one `::`, which are two or more. */
const PLAIN_V6 = /^(?:[1-9a-f][0-9a-f]{0,3}:){1,5}:(?:[1-9a-f][0-9a-f]{0,3})?$/;

/**
 * The canonical text of an address of a family, or undefined when the text is none of that family. Addresses that
 * users wrote (`10.0.0.010`, `FD00:0::1`) compare equal only in this form. Texts that are canonical already (nearly
 * all) are returned as they are, without arithmetic.
 */
export function canonicalText(text: string, family: Family): string | undefined {
  if (family === "IPv4" && isIPv4(text)) return text;
  if (family === "IPv6" && PLAIN_V6.test(text)) return text;
  const address = parseAddressAsGo(text);
  return address?.family === family ? formatAddress(address) : undefined;
}

/** The family and canonical text of an address, or undefined when it is none. */
export function readAddress(text: string): { family: Family; text: string } | undefined {
  const family: Family = text.includes(":") && !text.includes(".") ? "IPv6" : "IPv4";
  const quick = canonicalText(text, family);
  if (quick !== undefined) return { family, text: quick };
  const address = parseAddressAsGo(text);
  return address && { family: address.family, text: formatAddress(address) };
}

/** Bits of an IPv4-mapped IPv6 address that come before those of the IPv4 address (RFC 4291, 2.5.5.2). */
const MAPPED_BITS = 96;

/**
 * The family and canonical text (host bits dropped) of a network, or undefined when it is none. A network of IPv4-mapped
 * addresses is the IPv4 network that it stands for: `::ffff:10.0.0.0/104` is `10.0.0.0/8`.
 */
export function readCidr(text: string): { family: Family; text: string } | undefined {
  const [head = "", length = ""] = text.trim().split("/");
  const address = parseAddressAsGo(head);
  if (address === undefined || !/^[0-9]{1,3}$/.test(length)) return undefined;
  const isMapped = address.family === "IPv4" && head.includes(":");
  const prefix = Number(length) - (isMapped ? MAPPED_BITS : 0);
  if (prefix < 0 || prefix > bitsOf(address.family)) return undefined;
  return { family: address.family, text: formatCidr(cidrOf(address, prefix)) };
}
