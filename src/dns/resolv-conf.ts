import { isIP } from "node:net";
import type { Resolver } from "./udp-channel.ts";

const DNS_PORT = 53;
/** As many as the C library takes (MAXNS). */
const MAX_RESOLVERS = 3;

/** The resolvers of a resolv.conf, in its order; lines that name none are left out (resolv.conf(5)). */
export function parseResolvConf(text: string): Resolver[] {
  const addresses = text
    .split("\n")
    .map((line) => /^\s*nameserver\s+(\S+)/.exec(line)?.[1])
    .filter((address) => address !== undefined && isIP(address.replace(/%.*$/, "")) !== 0);
  return addresses.slice(0, MAX_RESOLVERS).map((address) => ({ address: address!, port: DNS_PORT }));
}

/** A resolver from `address`, `address:port` or `[address]:port`; undefined when it is none. */
export function parseResolver(text: string): Resolver | undefined {
  const bracketed = /^\[([^\]]+)\](?::(\d+))?$/.exec(text);
  const withPort = /^([^:]+):(\d+)$/.exec(text);
  const address = bracketed?.[1] ?? withPort?.[1] ?? text;
  const port = Number(bracketed?.[2] ?? withPort?.[2] ?? DNS_PORT);
  return isIP(address.replace(/%.*$/, "")) === 0 || port < 1 || port > 65535 ? undefined : { address, port };
}

/**
 * The resolvers without the server itself, which would ask itself for ever. `local` are the machine's own addresses, for
 * a server that listens on all of them.
 */
export function dropSelf(
  resolvers: readonly Resolver[],
  listen: readonly Resolver[],
  local: readonly string[],
): Resolver[] {
  const isSelf = (resolver: Resolver): boolean =>
    listen.some(({ address, port }) => {
      if (port !== resolver.port) return false;
      const any = address === "0.0.0.0" || address === "::";
      return any ? local.includes(resolver.address) : address === resolver.address;
    });
  return resolvers.filter((resolver) => !isSelf(resolver));
}
