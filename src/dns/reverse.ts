/** Names of the reverse zones (RFC 1035 3.5, RFC 3596 2.5) and which of them are answered here. */
import { cidrContains, parseCidr } from "../ip/cidr.ts";
import { canonicalAddress, parseAddress } from "../ip/address.ts";
import { splitLabels } from "./codec/name.ts";

const V4_ZONE = "in-addr.arpa.";
const V6_ZONE = "ip6.arpa.";

/** The reverse zones, for the authority section. */
export const REVERSE_ZONES = [V4_ZONE, V6_ZONE];

/** The address that a reverse name (lower case, with its dot) stands for; undefined when it is not one whole address. */
export function addressOfReverse(name: string): string | undefined {
  if (name.endsWith(`.${V4_ZONE}`)) {
    return canonicalAddress(splitLabels(name).slice(0, -2).reverse().join("."));
  }
  if (!name.endsWith(`.${V6_ZONE}`)) return undefined;
  const nibbles = splitLabels(name).slice(0, -2).reverse();
  if (nibbles.length !== 32 || !nibbles.every((nibble) => /^[0-9a-f]$/.test(nibble))) return undefined;
  return canonicalAddress((nibbles.join("").match(/.{4}/g) ?? []).join(":"));
}

/**
 * Networks whose reverse names no server outside can know (RFC 6303: private, loopback, link-local, documentation,
 * unique local). Names of all other addresses go on to the resolvers of the host.
 */
const LOCAL = [
  ..."0.0.0.0/8 10.0.0.0/8 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.168.0.0/16 192.0.2.0/24".split(" "),
  ..."198.51.100.0/24 203.0.113.0/24 255.255.255.255/32 100.64.0.0/10".split(" "),
  ..."::/127 fc00::/7 fe80::/10 2001:db8::/32".split(" "),
].map((text) => parseCidr(text)!);

/** Whether a reverse address is answered here even when the cluster does not have it. */
export function isLocalAddress(text: string): boolean {
  const address = parseAddress(text);
  return address !== undefined && LOCAL.some((network) => cidrContains(network, address));
}
