import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";

const UPGRADE_PROTOCOL = "SPDY/3.1";
const VERSION_HEADER = "x-stream-protocol-version";

/** Whether a request asks for SPDY. */
export function asksForSpdy(request: IncomingMessage): boolean {
  return (request.headers.upgrade ?? "").toLowerCase() === UPGRADE_PROTOCOL.toLowerCase();
}

/**
 * Answers an upgrade to SPDY/3.1 (k8s.io/apimachinery/pkg/util/httpstream: Handshake) and gives the subprotocol that
 * both know, in the server's order; one that offers none gets the last, the oldest. Undefined when it was refused.
 */
export function acceptSpdy(
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  known: readonly string[],
): string | undefined {
  const offered = offeredVersions(request);
  const chosen = offered.length === 0 ? known.at(-1) : known.find((name) => offered.includes(name));
  if (chosen === undefined) {
    refuse(socket, offered, known);
    return undefined;
  }
  const named = offered.length === 0 ? [] : [`X-Stream-Protocol-Version: ${chosen}`];
  const lines = [
    "HTTP/1.1 101 Switching Protocols",
    "Connection: Upgrade",
    `Upgrade: ${UPGRADE_PROTOCOL}`,
    ...named,
  ];
  socket.write(`${lines.join("\r\n")}\r\n\r\n`);
  if (head.length > 0) socket.unshift(head);
  return chosen;
}

/** The header comes once for each version. */
function offeredVersions({ rawHeaders }: IncomingMessage): string[] {
  const values = rawHeaders.filter(
    (_, at) => at % 2 === 1 && rawHeaders[at - 1]!.toLowerCase() === VERSION_HEADER,
  );
  return values.flatMap((value) => value.split(",").map((name) => name.trim()));
}

function refuse(socket: Duplex, offered: readonly string[], known: readonly string[]): void {
  const list = (names: readonly string[]) => `[${names.join(" ")}]`;
  const text = `unable to upgrade: unable to negotiate protocol: client supports ${list(offered)}, server accepts ${list(known)}\n`;
  const lines = [
    "HTTP/1.1 403 Forbidden",
    ...known.map((name) => `X-Accepted-Stream-Protocol-Versions: ${name}`),
    "Content-Type: text/plain; charset=utf-8",
    `Content-Length: ${Buffer.byteLength(text)}`,
    "Connection: close",
  ];
  socket.end(`${lines.join("\r\n")}\r\n\r\n${text}`);
}
