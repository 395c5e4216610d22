import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { createServer, type Server } from "node:net";
import { UserError } from "../../errors/user-error.ts";
import type { Family } from "../../ip/family.ts";

/**
 * Sockets of the host's network for the lab's control plane. A socket stays in the network namespace that it was made
 * in, whichever process uses it; so these file descriptors, handed down to the API and DNS servers inside the lab,
 * serve the host's loopback and reach the host's resolvers, and nothing has to relay bytes.
 */
export interface HostSockets {
  readonly port: number;
  /** Listening TCP sockets on 127.0.0.1 and, where the host has it, ::1. */
  readonly api: readonly HostSocket[];
  /** Unconnected UDP sockets, for queries to the host's resolvers. */
  readonly dns: readonly HostSocket[];
  /** What is missing, in words for the user. */
  readonly notes: readonly string[];
  /** Closes this process's copies; those handed down live on. */
  close(): void;
}

interface HostSocket {
  readonly family: Family;
  readonly fd: number;
}

const ANY: Record<Family, string> = { IPv4: "0.0.0.0", IPv6: "::" };
const FREE_PORT_TRIES = 20;

/**
 * Opens them. With port 0, one that is free on both loopbacks is taken.
 * @throws UserError when the port asked for is in use
 */
export async function openHostSockets(port = 0): Promise<HostSockets> {
  const { servers, notes } = await listenBoth(port);
  const dns = (await Promise.all([openUdp("IPv4"), openUdp("IPv6")])).filter(
    (socket) => socket !== undefined,
  );
  return {
    port: portOf(servers[0]!.server),
    api: servers.map(({ family, server }) => ({ family, fd: descriptorOf(server) })),
    dns: dns.map(({ family, socket }) => ({ family, fd: datagramDescriptorOf(socket) })),
    notes,
    close() {
      for (const { server } of servers) server.close();
      for (const { socket } of dns) socket.close();
    },
  };
}

interface Listening {
  readonly servers: { family: Family; server: Server }[];
  readonly notes: string[];
}

async function listenBoth(port: number): Promise<Listening> {
  for (let attempt = 0; ; attempt++) {
    const first = await listen("127.0.0.1", port).catch((error) => portInUse(error, port));
    try {
      const second = await listen("::1", portOf(first));
      return {
        servers: [
          { family: "IPv4", server: first },
          { family: "IPv6", server: second },
        ],
        notes: [],
      };
    } catch (error) {
      if (isMissingLoopback(error)) {
        const note = "the host has no ::1, so the API listens on 127.0.0.1 alone";
        return { servers: [{ family: "IPv4", server: first }], notes: [note] };
      }
      first.close();
      if (port !== 0 || attempt >= FREE_PORT_TRIES) portInUse(error as Error, port);
    }
  }
}

function portInUse(error: Error, port: number): never {
  throw new UserError({
    what: "cannot listen for the Kubernetes API",
    where: port === 0 ? "loopback" : `flag --port, value ${port}`,
    why: error.message,
    next: port === 0 ? "tandem up --port=6443" : "leave --port out to take a free port",
    cause: error,
  });
}

function isMissingLoopback(error: unknown): boolean {
  return ["EADDRNOTAVAIL", "EAFNOSUPPORT", "EINVAL"].includes((error as NodeJS.ErrnoException).code ?? "");
}

async function listen(host: string, port: number): Promise<Server> {
  // exclusive: a socket of its own; pauseOnConnect is of no use, as this process never accepts
  const server = createServer().listen({ host, port, exclusive: true });
  await once(server, "listening");
  return server;
}

function portOf(server: Server): number {
  return (server.address() as { port: number }).port;
}

/** Node has no public way to the descriptor of a listening server; `_handle.fd` is what its own cluster module uses. */
function descriptorOf(server: Server): number {
  return (server as unknown as { _handle: { fd: number } })._handle.fd;
}

async function openUdp(family: Family): Promise<{ family: Family; socket: Socket } | undefined> {
  const socket = createSocket({ type: family === "IPv4" ? "udp4" : "udp6", ipv6Only: family === "IPv6" });
  try {
    socket.bind({ port: 0, address: ANY[family] });
    await once(socket, "listening");
    return { family, socket };
  } catch {
    socket.close();
    return undefined; // the host lacks this family; the DNS server asks over the other
  }
}

/** As {@link descriptorOf}; a datagram socket keeps its handle behind a symbol (its `_handle` is deprecated). */
function datagramDescriptorOf(socket: Socket): number {
  const key = Object.getOwnPropertySymbols(socket).find((symbol) => symbol.description === "state symbol");
  const state = key && (socket as unknown as Record<symbol, { handle?: { fd: number } }>)[key];
  if (state?.handle === undefined) throw new Error("cannot find the descriptor of a datagram socket");
  return state.handle.fd;
}
