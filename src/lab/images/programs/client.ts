/** Whose connection it is: the peer's, or the client's that a PROXY header names. */
import type { Socket } from "node:net";
import { UserError } from "../../../errors/user-error.ts";
import { canonicalAddress, familyOfText } from "../../../ip/address.ts";
import type { Family } from "../../../ip/family.ts";
import { type AcceptOptions, acceptProxyHeader } from "../../../proxy-protocol/accept.ts";
import { trustedSenders } from "../../../proxy-protocol/trust.ts";

/** The client of a connection. */
export interface Client {
  readonly address: string;
  readonly port: number;
  readonly family: Family;
}

const named = new WeakMap<Socket, Client>();
const VERSIONS = { "1": 1, "2": 2, either: "either" } as const;
const TIMEOUT_MS = 5000;

/**
 * What the flags of a program say of PROXY headers: the version that every connection begins with (`1`, `2`, or `either`
 * of the two) and whose headers are believed. Undefined when no header is expected.
 * Ends the program with 64 where the flags are wrong: a header is believed from nobody unless senders are named.
 */
export function proxyOptions(
  version: string | undefined,
  trusted: string | undefined,
): AcceptOptions | undefined {
  if (version === undefined) return undefined;
  try {
    const known = VERSIONS[version as keyof typeof VERSIONS];
    if (known === undefined || trusted === undefined) {
      throw new UserError({
        what: "cannot expect PROXY headers",
        why: known === undefined ? `${version} is none of 1, 2, either` : "nobody is trusted to send them",
        next: "for example --proxy-protocol=2 --trusted=10.0.0.0/8,fd00::/8",
      });
    }
    return { version: known, trusted: trustedSenders(trusted.split(",")), timeoutMs: TIMEOUT_MS };
  } catch (error) {
    console.error((error as Error).message);
    process.exit(64);
  }
}

/** Serves a connection once its header is read; one without is reset, and the log says why. */
export function withClient(socket: Socket, options: AcceptOptions, serve: () => void): void {
  const peer = socket.remoteAddress;
  acceptProxyHeader(socket, options).then(
    ({ source, rest }) => {
      named.set(socket, { ...source, family: familyOfText(source.address) ?? "IPv4" });
      socket.on("error", () => socket.destroy());
      socket.unshift(rest);
      serve();
    },
    (error: Error) => console.error(`connection from ${peer}: ${error.message}`),
  );
}

/** The client of a connection; an IPv4 client of a socket of both families is IPv4. */
export function clientOf(socket: Socket): Client {
  const client = named.get(socket);
  if (client !== undefined) return client;
  const text = socket.remoteAddress?.replace(/^::ffff:/, "") ?? "";
  const address = canonicalAddress(text) ?? text;
  return { address, port: socket.remotePort ?? 0, family: familyOfText(address) ?? "IPv4" };
}
