/** The pair of addresses that a header carries: both of one family, IPv4 in its own form. */
import { UserError } from "../errors/user-error.ts";
import { type Address, formatAddress, parseAddress, parseAddressAsGo } from "../ip/address.ts";
import type { Family, PerFamily } from "../ip/family.ts";
import type { InetConnection, ProxyEndpoint } from "./header.ts";

/**
 * The connection of a client, for a header. IPv4-mapped IPv6 addresses (`::ffff:192.0.2.1`, what a socket bound to `::`
 * reports for an IPv4 client) count as IPv4.
 * @throws UserError when an address or port is none, or the two addresses are of different families
 */
export function inetConnection(
  transport: InetConnection["transport"],
  source: ProxyEndpoint,
  destination: ProxyEndpoint,
): InetConnection {
  const from = endpoint(source, "source");
  const to = endpoint(destination, "destination");
  if (from.family !== to.family) {
    throw new UserError({
      what: "cannot build a PROXY header",
      where: `source ${source.address}, destination ${destination.address}`,
      why: `the protocol has no form for a source of ${from.family} and a destination of ${to.family}`,
      next: "name the pair of the client's side: its own address, and the address that it connected to",
    });
  }
  return {
    kind: "inet",
    family: from.family,
    transport,
    source: { address: from.address, port: source.port },
    destination: { address: to.address, port: destination.port },
  };
}

/**
 * The connection of a client to something that has an address per family, as a balancer has: the destination is the
 * address of the client's family, whatever family the rest of the way is.
 * @throws UserError when it has no address of that family
 */
export function clientSideConnection(
  transport: InetConnection["transport"],
  source: ProxyEndpoint,
  destinations: PerFamily<ProxyEndpoint>,
): InetConnection {
  const { family } = endpoint(source, "source");
  const destination = destinations[family];
  if (destination === undefined) {
    throw new UserError({
      what: "cannot build a PROXY header",
      where: `source ${source.address}`,
      why: `there is no ${family} address that the client could have connected to`,
    });
  }
  return inetConnection(transport, source, destination);
}

function endpoint({ address, port }: ProxyEndpoint, name: string) {
  const parsed = parseUnmapped(address);
  if (parsed === undefined || !Number.isInteger(port) || port < 0 || port > 65535) {
    throw new UserError({
      what: "cannot build a PROXY header",
      where: `${name} ${address}, port ${port}`,
      why: parsed === undefined ? "this is no IP address" : "a port is a whole number from 0 to 65535",
    });
  }
  return { family: parsed.family, address: formatAddress(parsed) };
}

/** Reads an address strictly; an IPv4-mapped one is IPv4. Undefined when it is none. */
export function parseUnmapped(text: string): Address | undefined {
  return parseAddress(text) && parseAddressAsGo(text);
}

/** A pair as it came off the wire: two IPv4-mapped addresses are IPv4 (HAProxy sends them so from a bind on `::`). */
export function unmappedPair(source: Address, destination: Address): [Address, Address, Family] {
  const from = parseAddressAsGo(formatAddress(source)) ?? source;
  const to = parseAddressAsGo(formatAddress(destination)) ?? destination;
  return from.family === to.family ? [from, to, from.family] : [source, destination, source.family];
}
