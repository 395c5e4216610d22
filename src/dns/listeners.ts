import { createSocket, type Socket as UdpSocket } from "node:dgram";
import { once } from "node:events";
import { createServer, isIPv6, type Server, type Socket } from "node:net";
import { UserError } from "../errors/user-error.ts";
import { joinHostPort } from "../ip/address.ts";
import type { Responder } from "./responder.ts";
import { FrameReader, frame } from "./tcp-frames.ts";

/** One address and port, over UDP and TCP. */
export interface Listener {
  readonly address: string;
  readonly port: number;
  close(): Promise<void>;
}

const MAX_CONNECTIONS = 256;
/** Queries of one connection under way at once; the connection is not read further until one is answered. */
const MAX_PIPELINED = 32;
const IDLE_MS = 10_000;
const PORT_TRIES = 10;

/** Listens over UDP and TCP on the same port; port 0 takes one that is free for both. @throws UserError */
export async function listenOn(address: string, port: number, responder: Responder): Promise<Listener> {
  for (let attempt = 1; ; attempt++) {
    const udp = await listenUdp(address, port, responder);
    try {
      const tcp = await listenTcp(address, udp.port, responder);
      return {
        address,
        port: udp.port,
        close: async () => void (await Promise.all([udp.close(), tcp.close()])),
      };
    } catch (error) {
      await udp.close();
      if (port !== 0 || attempt === PORT_TRIES) throw error;
    }
  }
}

interface Bound {
  readonly port: number;
  close(): Promise<void>;
}

async function listenUdp(address: string, port: number, responder: Responder): Promise<Bound> {
  const v6 = isIPv6(address.replace(/%.*$/, ""));
  const socket: UdpSocket = createSocket({ type: v6 ? "udp6" : "udp4", ...(v6 && { ipv6Only: true }) });
  try {
    const listening = once(socket, "listening");
    socket.bind({ address, port, exclusive: true });
    await listening;
  } catch (error) {
    socket.close();
    throw cannotListen("UDP", address, port, error);
  }
  let closed = false;
  socket.on("error", () => {}); // a client that went away; the next query is another's
  socket.on("message", async (query, from) => {
    const reply = await responder.respond(query, "udp");
    if (reply !== undefined && !closed) socket.send(reply, from.port, from.address, () => {});
  });
  const close = async (): Promise<void> => {
    if (closed) return;
    closed = true;
    const done = once(socket, "close");
    socket.close();
    await done;
  };
  return { port: socket.address().port, close };
}

async function listenTcp(address: string, port: number, responder: Responder): Promise<Bound> {
  const connections = new Set<Socket>();
  const server: Server = createServer((socket) => {
    connections.add(socket);
    socket.on("close", () => connections.delete(socket));
    serveConnection(socket, responder);
  });
  server.maxConnections = MAX_CONNECTIONS;
  try {
    const listening = once(server, "listening");
    server.listen({ host: address, port, ipv6Only: true, exclusive: true });
    await listening;
  } catch (error) {
    throw cannotListen("TCP", address, port, error);
  }
  const close = async (): Promise<void> => {
    if (!server.listening) return;
    const done = once(server, "close");
    server.close();
    for (const socket of connections) socket.destroy();
    await done;
  };
  return { port, close };
}

function serveConnection(socket: Socket, responder: Responder): void {
  const reader = new FrameReader();
  let pending = 0;
  socket.setTimeout(IDLE_MS, () => socket.destroy());
  socket.on("error", () => socket.destroy());
  const answer = async (query: Buffer): Promise<void> => {
    if (++pending >= MAX_PIPELINED) socket.pause();
    const reply = await responder.respond(query, "tcp");
    if (--pending < MAX_PIPELINED) socket.resume();
    if (reply !== undefined && socket.writable) socket.write(frame(reply));
  };
  socket.on("data", (chunk) => {
    for (const query of reader.push(chunk)) void answer(query);
  });
}

function cannotListen(protocol: string, address: string, port: number, error: unknown): Error {
  const code = (error as NodeJS.ErrnoException).code ?? "";
  const place = joinHostPort(address, port);
  const causes: Record<string, { why: string; next: string }> = {
    EADDRINUSE: {
      why: "another program has this port",
      next: `choose another with --port, or find the program with \`ss -lnp 'sport = :${port}'\``,
    },
    EACCES: { why: "ports below 1024 need privileges", next: "choose a port from 1024 on with --port" },
    EADDRNOTAVAIL: {
      why: "this machine does not have the address",
      next: "choose one of `ip address` with --bind",
    },
    EAFNOSUPPORT: { why: "this machine has no IPv6", next: "choose an IPv4 address with --bind" },
  };
  const known = causes[code];
  if (known === undefined) return error as Error;
  return new UserError({ what: "cannot serve DNS", where: `${protocol} ${place}`, ...known, cause: error });
}
