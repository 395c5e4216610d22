/** Tells a port that expects a PROXY header from one that does not: by what it does with and without one. */
import { connect } from "node:net";
import { encodeV1, encodeV2 } from "../../proxy-protocol/encode.ts";
import { inetConnection } from "../../proxy-protocol/pair.ts";
import { PROXY_PATIENCE_MS, REFUSES_HEADER, WANTS_HEADER } from "./protocol.ts";

/** What came back: something, the end of the connection or an HTTP server's 400, or nothing for a while. */
type Reaction = "answers" | "refuses" | "silent";

/** A request that HTTP servers answer without much ado, and that others take for a line of text. */
const QUESTION = "HEAD / HTTP/1.0\r\n\r\n";

/**
 * Why a port does not fit its load balancer, which sends headers of this version or none; undefined when it fits, or
 * cannot be told: a port that refuses either way, as one that does not trust the prober, is given the benefit of doubt.
 * Each reaction may take so many milliseconds.
 */
export async function proxyMismatch(
  target: { address: string; port: number },
  sent: 1 | 2 | undefined,
  patience = PROXY_PATIENCE_MS,
): Promise<string | undefined> {
  const [first, second] = sent === undefined ? ([undefined, 2] as const) : ([sent, undefined] as const);
  if ((await reactionTo(target, first, patience)) !== "refuses") return undefined;
  if ((await reactionTo(target, second, patience)) !== "answers") {
    // a port without headers may understand version 1 alone
    if (sent !== undefined || (await reactionTo(target, 1, patience)) !== "answers") return undefined;
  }
  return sent === undefined ? WANTS_HEADER : REFUSES_HEADER;
}

function reactionTo(
  { address, port }: { address: string; port: number },
  version: 1 | 2 | undefined,
  patience: number,
): Promise<Reaction> {
  return new Promise((resolve) => {
    const socket = connect({ host: address, port });
    const finish = (reaction: Reaction) => {
      socket.destroy();
      resolve(reaction);
    };
    socket.setTimeout(patience, () => finish("silent"));
    socket.once("connect", () => {
      const own = { address: socket.localAddress ?? "", port: socket.localPort ?? 0 };
      socket.write(Buffer.concat([headerOf(version, own, { address, port }), Buffer.from(QUESTION)]));
    });
    socket.once("data", (chunk: Buffer) => finish(isBadRequest(chunk) ? "refuses" : "answers"));
    for (const event of ["end", "error", "close"]) socket.once(event, () => finish("refuses"));
  });
}

/** What HTTP servers make of a header that they do not know. */
function isBadRequest(chunk: Buffer): boolean {
  return /^HTTP\/1\.[01] 400 /.test(chunk.toString("latin1"));
}

/** The prober's own connection: LOCAL, or its own addresses in version 1, which has no LOCAL. */
function headerOf(
  version: 1 | 2 | undefined,
  own: { address: string; port: number },
  target: { address: string; port: number },
): Uint8Array {
  if (version === 1) return encodeV1(inetConnection("TCP", own, target));
  return version === 2 ? encodeV2({ kind: "local" }) : new Uint8Array(0);
}
