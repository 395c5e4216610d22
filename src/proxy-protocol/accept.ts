/** The edge: reads the header from a socket of Node's that a server has just accepted. */
import type { Socket } from "node:net";
import { createHeaderDecoder } from "./decoder.ts";
import type { DecodeOptions } from "./decode.ts";
import type { ProxyAttributes, ProxyEndpoint, ProxyHeader } from "./header.ts";
import { parseUnmapped } from "./pair.ts";
import { type ProxyCounters, ProxyHeaderRefused, type Refusal, refuse } from "./refusal.ts";
import type { TrustedSenders } from "./trust.ts";
import { formatAddress } from "../ip/address.ts";

/** How connections are taken whose first bytes are a header of the PROXY protocol. */
export interface AcceptOptions extends DecodeOptions {
  /** Whose headers are read; all others are refused. */
  readonly trusted: TrustedSenders;
  /** How long the header may take, in milliseconds; the specification asks for 3000 at least. */
  readonly timeoutMs: number;
  readonly counters?: ProxyCounters;
  readonly signal?: AbortSignal;
}

/** A connection whose header is read. */
export interface AcceptedProxyHeader {
  readonly header: ProxyHeader;
  /** The client: from the header, or the socket's own peer when that is what counts (LOCAL, UNKNOWN, UNIX sockets). */
  readonly source: ProxyEndpoint;
  readonly destination: ProxyEndpoint;
  readonly tlvs: ProxyAttributes;
  /** What came behind the header; give it back with `socket.unshift(rest)` before anything else reads. */
  readonly rest: Buffer;
}

/**
 * Reads the header from a socket, and leaves it as if nobody had read from it; give it to whoever serves it as soon as
 * the promise holds. A socket whose header is refused is reset; nothing of it may be used.
 * @throws ProxyHeaderRefused with the reason, also when the peer is not trusted, is too slow or closes
 */
export async function acceptProxyHeader(
  socket: Socket,
  options: AcceptOptions,
): Promise<AcceptedProxyHeader> {
  const real = realEndpoints(socket);
  const outcome = refuseSender(socket.remoteAddress, options.trusted) ?? (await readHeader(socket, options));
  if (outcome.state === "refused") {
    options.counters?.refused(outcome.reason);
    abort(socket);
    throw new ProxyHeaderRefused(outcome);
  }
  options.counters?.accepted();
  const { header, rest } = outcome;
  const { source, destination } = header.proxied.kind === "inet" ? header.proxied : real;
  return { header, source, destination, tlvs: header.attributes, rest: Buffer.from(rest) };
}

function refuseSender(peer: string | undefined, trusted: TrustedSenders): Refusal | undefined {
  if (peer === undefined) return refuse("incomplete", "the peer was gone before its header was read");
  return trusted.trusts(peer)
    ? undefined
    : refuse("untrusted-sender", `${peer} is not trusted to send headers`);
}

/** Resets a connection, so that the sender notices; one that was half closed already can only be closed. */
function abort(socket: Socket): void {
  socket.on("error", () => {});
  if (socket.writableEnded) socket.destroy();
  else if (!socket.destroyed) socket.resetAndDestroy();
}

function realEndpoints({ remoteAddress, remotePort, localAddress, localPort }: Socket) {
  return { source: endpoint(remoteAddress, remotePort), destination: endpoint(localAddress, localPort) };
}

function endpoint(text = "", port = 0): ProxyEndpoint {
  const address = parseUnmapped(text);
  return { address: address === undefined ? text : formatAddress(address), port };
}

type Outcome =
  | Refusal
  | { readonly state: "header"; readonly header: ProxyHeader; readonly rest: Uint8Array };

function readHeader(socket: Socket, options: AcceptOptions): Promise<Outcome> {
  const { signal, timeoutMs } = options;
  const decoder = createHeaderDecoder(options);
  return new Promise((resolve, reject) => {
    const finish = (settle: () => void) => {
      clearTimeout(timer);
      socket.off("readable", onReadable).off("end", onEnd).off("close", onEnd).off("error", onError);
      signal?.removeEventListener("abort", onAbort);
      // by then the socket is as if nobody had ever read from it
      process.nextTick(settle);
    };
    const onReadable = () => {
      for (let piece = socket.read(); piece !== null; piece = socket.read()) {
        const state = decoder.push(piece as Buffer);
        if (state.state !== "more") return finish(() => resolve(state));
      }
    };
    const end = (outcome: Refusal) => finish(() => resolve(outcome));
    const onEnd = () => end(refuse("incomplete", "the peer closed before the header was whole"));
    const onError = (error: Error) => end(refuse("incomplete", error.message));
    const onAbort = () => {
      socket.destroy();
      finish(() => reject(signal?.reason));
    };
    const timer = setTimeout(
      () => end(refuse("timeout", `no whole header within ${timeoutMs} ms`)),
      timeoutMs,
    );
    if (signal?.aborted) return onAbort();
    signal?.addEventListener("abort", onAbort, { once: true });
    socket.on("readable", onReadable).on("end", onEnd).on("close", onEnd).on("error", onError);
  });
}
