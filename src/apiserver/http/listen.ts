import type { IncomingMessage, RequestListener } from "node:http";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { UserError } from "../../errors/user-error.ts";
import { joinHostPort } from "../../ip/address.ts";
import type { Listener } from "../options.ts";
import type { Pki } from "../pki/authority.ts";

/** What answers requests. */
export interface Handlers {
  readonly request: RequestListener;
  readonly upgrade: (request: IncomingMessage, socket: Duplex, head: Buffer) => void;
  readonly shouldUpgrade: (request: IncomingMessage) => boolean;
}

/** The servers of all listeners, and their URLs. */
export interface Listening {
  readonly urls: readonly string[];
  close(): Promise<void>;
}

const MAX_HEADER_BYTES = 256 * 1024;
const IDLE_MS = 90_000;

/**
 * Listens everywhere. A port of 0 takes a free one, the same for all listeners.
 * @throws UserError when an address or port cannot be had; nothing listens then
 */
export async function listen(
  listeners: readonly Listener[],
  pki: Pki,
  handlers: Handlers,
): Promise<Listening> {
  const servers: Server[] = [];
  const close = async (): Promise<void> => {
    await Promise.all(servers.map(closeServer));
  };
  const urls: string[] = [];
  let chosen = 0;
  try {
    for (const listener of listeners) {
      const server = newServer(pki, handlers);
      servers.push(server);
      const bound = await bind(server, withPort(listener, chosen));
      if (bound === undefined) continue;
      chosen = bound.port;
      urls.push(`https://${joinHostPort(reachable(bound.address), bound.port)}`);
    }
  } catch (error) {
    await close();
    throw error;
  }
  return { urls, close };
}

function newServer(pki: Pki, { request, upgrade, shouldUpgrade }: Handlers): Server {
  const server = createServer(
    {
      cert: pki.serverCert,
      key: pki.serverKey,
      ca: pki.ca,
      requestCert: true,
      // a client without a certificate shows a token instead, or is anonymous
      rejectUnauthorized: false,
      maxHeaderSize: MAX_HEADER_BYTES,
      keepAliveTimeout: IDLE_MS,
      noDelay: true,
      shouldUpgradeCallback: shouldUpgrade,
    } as Parameters<typeof createServer>[0] & object,
    request,
  );
  server.on("upgrade", upgrade);
  return server;
}

function withPort(listener: Listener, chosen: number): Listener {
  return "fd" in listener || listener.port !== 0 ? listener : { ...listener, port: chosen };
}

function bind(server: Server, listener: Listener): Promise<AddressInfo | undefined> {
  return new Promise((resolve, reject) => {
    server.once("error", (cause: NodeJS.ErrnoException) => {
      if ("host" in listener && listener.optional === true && isNoSuchFamily(cause)) resolve(undefined);
      else reject(listenError(listener, cause));
    });
    server.listen(
      "fd" in listener ? { fd: listener.fd } : { host: listener.host, port: listener.port },
      () => {
        const bound = server.address();
        resolve(bound === null || typeof bound === "string" ? undefined : bound);
      },
    );
  });
}

function isNoSuchFamily({ code }: NodeJS.ErrnoException): boolean {
  return code === "EADDRNOTAVAIL" || code === "EAFNOSUPPORT";
}

function listenError(listener: Listener, cause: NodeJS.ErrnoException): UserError {
  const where =
    "fd" in listener ? `inherited socket ${listener.fd}` : joinHostPort(listener.host, listener.port);
  const reasons: Record<string, [why: string, next: string]> = {
    EADDRINUSE: [
      "the port is in use by another process",
      "stop that process, or choose another --secure-port",
    ],
    EADDRNOTAVAIL: ["this machine has no such address", "choose another --bind-address"],
    EACCES: ["this user may not listen on that port", "choose a --secure-port above 1023"],
  };
  const [why, next] = reasons[cause.code ?? ""] ?? [
    cause.message,
    "choose another --bind-address or --secure-port",
  ];
  return new UserError({ what: "cannot start the API server", where, why, next, cause });
}

/** The address by which this machine reaches a listener. */
function reachable(address: string): string {
  if (address === "0.0.0.0") return "127.0.0.1";
  return address === "::" ? "::1" : address;
}

/** How long connections may take to end by themselves. */
const GRACE_MS = 500;

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    if (!server.listening) {
      resolve();
      return;
    }
    const timer = setTimeout(() => server.closeAllConnections(), GRACE_MS);
    server.close(() => {
      clearTimeout(timer);
      resolve();
    });
    server.closeIdleConnections();
  });
}
