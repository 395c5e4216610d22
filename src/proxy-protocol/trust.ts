/** Who may send headers. */
import { UserError } from "../errors/user-error.ts";
import { bitsOf } from "../ip/family.ts";
import { type Cidr, cidrContains, cidrOf, parseCidr } from "../ip/cidr.ts";
import { parseUnmapped } from "./pair.ts";

/** The senders whose headers are read. */
export interface TrustedSenders {
  /** Whether a peer is one; an IPv4-mapped address counts as IPv4, text that is no address never does. */
  trusts(address: string | undefined): boolean;
}

/**
 * Trusted senders by their networks of both families; a single address is a network of its own. An empty list trusts
 * nobody.
 * @throws UserError when one of them is neither
 */
export function trustedSenders(networks: readonly string[]): TrustedSenders {
  const cidrs = networks.map(networkOf);
  return {
    trusts: (text) => {
      // a link-local peer has its interface behind it: fe80::1%eth0
      const address = text === undefined ? undefined : parseUnmapped(text.split("%")[0] as string);
      return address !== undefined && cidrs.some((cidr) => cidrContains(cidr, address));
    },
  };
}

function networkOf(text: string): Cidr {
  const cidr = parseCidr(text);
  if (cidr !== undefined) return cidr;
  const address = parseUnmapped(text);
  if (address !== undefined) return cidrOf(address, bitsOf(address.family));
  throw new UserError({
    what: "cannot tell whose PROXY headers to trust",
    where: JSON.stringify(text),
    why: "it is neither an address nor a network",
    next: "write networks as 10.0.0.0/8 or fd00::/8",
  });
}
