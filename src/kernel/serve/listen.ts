/** HTTP servers of a node: one handler behind an address of each family. */
import { createServer, type RequestListener, type Server } from "node:http";
import type { Family, PerFamily } from "../../ip/family.ts";

/** Where to listen; port 0 picks a free one, the same for all addresses of one call. */
export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

/** Listening servers with one handler. */
export interface Listening {
  readonly addresses: readonly ListenAddress[];
  close(): Promise<void>;
}

/** How long an idle or slow client may keep a connection: probes are short. */
const TIMEOUT_MS = 10_000;
const MAX_CONNECTIONS = 256;

/** Listens on all addresses or on none. @throws the first failure, such as EADDRINUSE */
export async function listenOn(
  addresses: readonly ListenAddress[],
  handler: RequestListener,
): Promise<Listening> {
  const servers: Server[] = [];
  const bound: ListenAddress[] = [];
  const close = async () => {
    await Promise.all(servers.map(closeServer));
  };
  try {
    for (const { host, port } of addresses) {
      const server = createServer({ requestTimeout: TIMEOUT_MS, keepAliveTimeout: TIMEOUT_MS }, handler);
      server.maxConnections = MAX_CONNECTIONS;
      const wanted = port || (bound[0]?.port ?? 0);
      bound.push({ host, port: await listen(server, host, wanted) });
      servers.push(server);
    }
  } catch (error) {
    await close();
    throw error;
  }
  return { addresses: bound, close };
}

function listen(server: Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    // Each family has a socket of its own: one on `::` alone would depend on the host's net.ipv6.bindv6only.
    server.listen({ host, port, ipv6Only: host.includes(":") }, () => {
      server.off("error", reject);
      server.on("error", () => {});
      resolve((server.address() as { port: number }).port);
    });
  });
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

const WILDCARD: Required<PerFamily<string>> = { IPv4: "0.0.0.0", IPv6: "::" };
const LOOPBACK: Required<PerFamily<string>> = { IPv4: "127.0.0.1", IPv6: "::1" };

/**
 * The hosts that a host stands for on a node with these families: the unspecified address and loopback mean those of
 * each family, whichever family they are written in; any other address means itself.
 */
export function hostsOf(host: string, families: readonly Family[]): string[] {
  for (const both of [WILDCARD, LOOPBACK]) {
    if (host === both.IPv4 || host === both.IPv6) return families.map((family) => both[family]);
  }
  return [host];
}
