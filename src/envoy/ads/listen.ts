import { once } from "node:events";
import { chmodSync, lstatSync, unlinkSync } from "node:fs";
import { createServer, isIPv6, type Server, type Socket } from "node:net";
import { UserError } from "../../errors/user-error.ts";
import { joinHostPort } from "../../ip/address.ts";

/**
 * Where to listen: an address with a port (0 takes a free one), or the path of a unix socket. An open address has no
 * TLS: `authorize` has to tell clients there by their addresses.
 */
export type ListenAddress =
  | { readonly host: string; readonly port: number; readonly open?: boolean }
  | { readonly path: string };

/** An open listening socket. */
export interface Listening {
  /** With the port that was taken. */
  readonly address: ListenAddress;
  close(): Promise<void>;
}

const MAX_CONNECTIONS = 4096;

/** Whether an address can be reached from this machine alone. */
export function isLocal(address: ListenAddress): boolean {
  return "path" in address || address.host === "::1" || address.host.startsWith("127.");
}

/** Listens; an IPv6 socket takes IPv6 alone, so that each family has a socket of its own. @throws UserError */
export async function listen(address: ListenAddress, serve: (socket: Socket) => void): Promise<Listening> {
  const server = createServer(serve);
  server.maxConnections = MAX_CONNECTIONS;
  try {
    await bind(server, address);
  } catch (error) {
    throw new UserError({
      what: "cannot serve xDS",
      where: describe(address),
      why: error instanceof Error ? error.message : String(error),
      next: "free the address, or choose another one",
      cause: error,
    });
  }
  const sockets = new Set<Socket>();
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  const close = async () => {
    if (!server.listening) return;
    const closed = once(server, "close");
    server.close();
    for (const socket of sockets) socket.destroy();
    await closed;
  };
  return { address: boundAddress(server, address), close };
}

async function bind(server: Server, address: ListenAddress): Promise<void> {
  const listening = once(server, "listening");
  if ("path" in address) {
    removeStale(address.path);
    server.listen(address.path);
  } else {
    server.listen({
      host: address.host,
      port: address.port,
      ipv6Only: isIPv6(address.host.replace(/%.*$/, "")),
    });
  }
  await listening;
  if ("path" in address) chmodSync(address.path, 0o600);
}

/** A socket file outlives a killed process, and nobody can listen there again until it is gone. */
function removeStale(path: string): void {
  if (lstatSync(path, { throwIfNoEntry: false })?.isSocket()) unlinkSync(path);
}

function boundAddress(server: Server, address: ListenAddress): ListenAddress {
  const bound = server.address();
  if ("path" in address || bound === null || typeof bound === "string") return address;
  return { host: address.host, port: bound.port };
}

function describe(address: ListenAddress): string {
  return "path" in address ? address.path : joinHostPort(address.host, address.port);
}
