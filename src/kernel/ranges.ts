import { parseAddress } from "../ip/address.ts";
import { cidrContains, parseCidr } from "../ip/cidr.ts";

/** Whether a network in text (`10.0.0.0/8`) holds an address in text. */
export function contains(network: string, address: string): boolean {
  const cidr = parseCidr(network);
  const parsed = parseAddress(address);
  return cidr !== undefined && parsed !== undefined && cidrContains(cidr, parsed);
}

/** The networks that lie in no other one of the list: intervals of a set must not overlap. */
export function withoutNested(networks: readonly string[]): string[] {
  const unique = [...new Set(networks)];
  return unique.filter(
    (inner) =>
      !unique.some(
        (outer) => outer !== inner && contains(outer, baseOf(inner)) && prefixOf(outer) < prefixOf(inner),
      ),
  );
}

function baseOf(network: string): string {
  return network.slice(0, network.indexOf("/"));
}

function prefixOf(network: string): number {
  return Number(network.slice(network.indexOf("/") + 1));
}

/** A network of one address as that address, which is how nftables prints it. */
export function withoutFullLength(network: string): string {
  return prefixOf(network) === (network.includes(":") ? 128 : 32) ? baseOf(network) : network;
}
