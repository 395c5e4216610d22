/** The resolvers of the host, for names that are not the cluster's. */
import { createSocket, type Socket } from "node:dgram";
import { isIPv6 } from "node:net";
import type { Family, PerFamily } from "../ip/family.ts";
import { type Exchange, type Resolver, resolverText, UdpChannel } from "./udp-channel.ts";
import { exchangeOverTcp } from "./tcp-exchange.ts";
import { RCODE } from "./codec/message.ts";

/** Who is asked for names outside of the cluster, and how. */
export interface UpstreamOptions {
  /** Asked in this order; one that failed of late is asked last. */
  readonly resolvers: readonly Resolver[];
  /**
   * Descriptors of unconnected UDP sockets that queries leave by, for resolvers of another network namespace; TCP is not
   * possible then. Without them each query has a socket of its own, and so a port that nobody can guess.
   */
  readonly sockets?: PerFamily<{ readonly fd: number }>;
}

/** How one query is asked. */
export interface AskOptions {
  readonly tcp: boolean;
  /** For all resolvers together. */
  readonly timeoutMs: number;
}

/** Sends queries on. */
export interface Upstream {
  readonly resolvers: readonly Resolver[];
  /** The answer to a query, byte for byte, but with the query's own id. @throws Error when no resolver answers */
  ask(query: Uint8Array, options: AskOptions): Promise<Buffer>;
  close(): void;
}

/** Queries under way at once; more are turned away, so that a dead resolver cannot fill the memory. */
const MAX_PENDING = 512;
const MAX_ATTEMPT_MS = 2000;
/** How long a resolver that failed is asked last. */
const AVOID_MS = 10_000;

/** Creates the way to the resolvers; nothing is sent until somebody asks. @throws Error when a socket cannot be used */
export function createUpstream({ resolvers, sockets }: UpstreamOptions): Upstream {
  const exchange = sockets === undefined ? ownSockets() : sharedSockets(sockets);
  const failed = new Map<Resolver, number>();
  let pending = 0;
  return {
    resolvers,
    async ask(query, { tcp, timeoutMs }) {
      if (pending >= MAX_PENDING) throw new Error(`${MAX_PENDING} queries are under way already`);
      pending++;
      try {
        return await askInTurn(byHealth(resolvers, failed), query, timeoutMs, failed, {
          exchange: tcp && sockets === undefined ? exchangeOverTcp : exchange.send,
        });
      } finally {
        pending--;
      }
    },
    close: () => exchange.close(),
  };
}

function byHealth(resolvers: readonly Resolver[], failed: ReadonlyMap<Resolver, number>): Resolver[] {
  const bad = (resolver: Resolver): boolean =>
    performance.now() - (failed.get(resolver) ?? -Infinity) < AVOID_MS;
  return [...resolvers.filter((resolver) => !bad(resolver)), ...resolvers.filter(bad)];
}

async function askInTurn(
  resolvers: readonly Resolver[],
  query: Uint8Array,
  timeoutMs: number,
  failed: Map<Resolver, number>,
  { exchange }: { exchange: Exchange },
): Promise<Buffer> {
  const end = performance.now() + timeoutMs;
  let refusal: Buffer | undefined;
  let reason: unknown = new Error("there is no resolver to ask");
  for (const [index, resolver] of resolvers.entries()) {
    const left = end - performance.now();
    if (left <= 0) break;
    try {
      const share = Math.min(left / (resolvers.length - index), MAX_ATTEMPT_MS);
      const reply = await exchange(query, resolver, share);
      failed.delete(resolver);
      if (!isRefusal(reply)) return reply;
      refusal = reply;
    } catch (error) {
      failed.set(resolver, performance.now());
      reason = error;
    }
  }
  if (refusal !== undefined) return refusal;
  throw reason;
}

/** A resolver that cannot or will not answer is no reason not to ask the next. */
function isRefusal(reply: Buffer): boolean {
  const rcode = reply[3]! & 15;
  return rcode === RCODE.SERVFAIL || rcode === RCODE.REFUSED || rcode === RCODE.NOTIMP;
}

interface Sender {
  send: Exchange;
  close(): void;
}

/** A socket for each query, connected, so that a closed port is known at once. */
function ownSockets(): Sender {
  const open = new Set<UdpChannel>();
  return {
    async send(query, resolver, timeoutMs) {
      const channel = new UdpChannel(
        createSocket(isIPv6(withoutZone(resolver.address)) ? "udp6" : "udp4"),
        resolver,
      );
      open.add(channel);
      try {
        return await channel.send(query, resolver, timeoutMs);
      } finally {
        open.delete(channel);
        channel.close();
      }
    },
    close() {
      for (const channel of open) channel.close();
    },
  };
}

/** The sockets that were handed in, one per family, for all queries. */
function sharedSockets(sockets: PerFamily<{ readonly fd: number }>): Sender {
  const channels: { IPv4?: UdpChannel; IPv6?: UdpChannel } = {};
  for (const family of ["IPv4", "IPv6"] as const) {
    const given = sockets[family];
    if (given === undefined) continue;
    const socket: Socket = createSocket(family === "IPv6" ? "udp6" : "udp4");
    socket.bind({ fd: given.fd, exclusive: true });
    channels[family] = new UdpChannel(socket);
  }
  return {
    async send(query, resolver, timeoutMs) {
      const family: Family = isIPv6(withoutZone(resolver.address)) ? "IPv6" : "IPv4";
      const channel = channels[family];
      if (channel === undefined) throw new Error(`no socket of ${family} for ${resolverText(resolver)}`);
      return channel.send(query, resolver, timeoutMs);
    },
    close() {
      channels.IPv4?.close();
      channels.IPv6?.close();
    },
  };
}

function withoutZone(address: string): string {
  return address.replace(/%.*$/, "");
}
