import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { createWebSocketStream, WebSocketServer } from "ws";
import { HttpError } from "./http-error.ts";
import { PodDialer } from "./pod-dialer.ts";
import { SpdySession } from "./spdy/session.ts";
import type { SpdyStream } from "./spdy/stream.ts";
import { acceptSpdy, asksForSpdy } from "./spdy/upgrade.ts";
import { offeredProtocols } from "./websocket-channel.ts";

const PROTOCOL = "portforward.k8s.io";
/** A whole SPDY connection inside a WebSocket's messages (KEP-4006). */
const TUNNEL_PROTOCOL = `SPDY/3.1+${PROTOCOL}`;
/** How long the second stream of a pair may take. */
const PAIR_MS = 30_000;

const tunnels = new WebSocketServer({
  noServer: true,
  perMessageDeflate: false,
  maxPayload: 16 * 1024 * 1024,
});
// its name has a slash, which RFC 6455 allows in no subprotocol: ws would refuse it, so it is answered past ws
tunnels.on("headers", (headers) => headers.push(`Sec-WebSocket-Protocol: ${TUNNEL_PROTOCOL}`));

/** The pod whose ports are asked for. */
export interface ForwardTarget {
  readonly pod: string;
  readonly uid: string;
  readonly sandboxPid: number;
  /** The loopback address of the pod's primary family. */
  readonly loopback: "127.0.0.1" | "::1";
}

/**
 * Serves port-forward over SPDY, bare or inside a WebSocket.
 * @throws HttpError before the upgrade is answered
 */
export function servePortForward(
  target: ForwardTarget,
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
): void {
  if (asksForSpdy(request)) {
    if (acceptSpdy(request, socket, head, [PROTOCOL]) !== undefined) forward(target, socket);
    return;
  }
  if (!offeredProtocols(request).includes(TUNNEL_PROTOCOL))
    throw new HttpError(
      400,
      `port-forward is served over SPDY/3.1 and the WebSocket protocol ${TUNNEL_PROTOCOL}`,
    );
  delete request.headers["sec-websocket-protocol"];
  tunnels.handleUpgrade(request, socket, head, (client) => forward(target, createWebSocketStream(client)));
}

interface Pair {
  readonly timer: NodeJS.Timeout;
  error?: SpdyStream;
  data?: SpdyStream;
}

function forward(target: ForwardTarget, transport: Duplex): void {
  const dialer = new PodDialer(target.sandboxPid, target.loopback);
  const pairs = new Map<string, Pair>();
  new SpdySession(transport, {
    onStream(stream) {
      const { type, id } = purposeOf(stream);
      const pair = pairs.get(id) ?? { timer: setTimeout(() => giveUp(id), PAIR_MS) };
      pairs.set(id, pair);
      if (pair[type] !== undefined) throw new Error(`${type} stream already assigned`);
      pair[type] = stream;
      if (type === "error") stream.resume();
      if (pair.error === undefined || pair.data === undefined) return;
      clearTimeout(pair.timer);
      pairs.delete(id);
      void joinPair(target, dialer, pair.data, pair.error);
    },
    onClose() {
      for (const { timer } of pairs.values()) clearTimeout(timer);
      dialer.close();
    },
  });
  const giveUp = (id: string): void => {
    const pair = pairs.get(id);
    pairs.delete(id);
    pair?.error?.end(`(request=${id}) timed out waiting for streams`);
    pair?.data?.destroy();
  };
}

/** What a stream's headers say of it. @throws Error when they are not those of port-forward */
function purposeOf({ id, headers }: SpdyStream): { type: "error" | "data"; id: string } {
  const type = headers.get("streamtype");
  if (type !== "error" && type !== "data") throw new Error(`invalid stream type ${JSON.stringify(type)}`);
  const port = headers.get("port") ?? "";
  if (!/^\d{1,5}$/.test(port) || Number(port) < 1 || Number(port) > 65_535)
    throw new Error(`unable to parse ${JSON.stringify(port)} as a port`);
  // old clients name no request: their streams come in pairs, the error stream first
  const fallback = type === "error" ? id : id - 2;
  return { type, id: headers.get("requestid") ?? `stream ${fallback}` };
}

/** One forwarded connection: both streams end with it, the error stream saying what went wrong. */
async function joinPair(
  target: ForwardTarget,
  dialer: PodDialer,
  data: SpdyStream,
  error: SpdyStream,
): Promise<void> {
  const port = Number(data.headers.get("port"));
  let socket: Socket;
  try {
    socket = await dialer.dial(port);
  } catch (cause) {
    const reason = (cause as Error).message;
    error.end(`error forwarding port ${port} to pod ${target.pod}, uid ${target.uid}: ${reason}`);
    data.resume().end();
    return;
  }
  if (data.destroyed) return void socket.destroy();
  socket.on("error", () => data.destroy());
  socket.once("close", () => {
    if (!data.writableFinished) data.end();
    data.resume(); // what the pod no longer takes
    error.end();
  });
  data.once("close", () => socket.destroy());
  data.pipe(socket);
  socket.pipe(data);
}
