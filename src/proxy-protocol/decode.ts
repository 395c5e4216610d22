/** From the bytes that came first on a connection, or from a datagram, to a header: strict, bounded, and pure. */
import { UserError } from "../errors/user-error.ts";
import { FIXED_BYTES, type Proxied, type ProxyHeader, type ProxyVersion, SIGNATURE } from "./header.ts";
import { type Refusal, refuse } from "./refusal.ts";
import { endOfLine, readLine } from "./v1.ts";
import { type Carrier, lengthOf, readBinary } from "./v2.ts";

/** What a receiver is set up to read. */
export interface DecodeOptions {
  /**
   * The version that the senders use. `either` recognises which of the two it is; whether there is a header at all is
   * never guessed, as the specification demands (section 2).
   */
  readonly version: ProxyVersion | "either";
  /** The longest header of version 2 that is read, in bytes; 4096 unless given, at least 16. */
  readonly maxBytes?: number;
  /**
   * Refuses what has no IP addresses: UNKNOWN, UNSPEC and UNIX sockets. Without it they are accepted, and the real
   * endpoints count. LOCAL is always accepted.
   */
  readonly requireAddresses?: boolean;
}

/** What bytes so far come to. */
export type Decoded =
  /** Nothing is wrong yet. There is no header without `atLeast` bytes in all. */
  | { readonly state: "more"; readonly atLeast: number }
  | { readonly state: "header"; readonly header: ProxyHeader; readonly length: number }
  | Refusal;

const DEFAULT_MAX_BYTES = 4096;
const LINE_START = new TextEncoder().encode("PROXY ");
const STARTS: Readonly<Record<ProxyVersion, Uint8Array>> = { 1: LINE_START, 2: SIGNATURE };

/**
 * Reads the header at the start of what came on a connection so far. It tells of an error at the first byte that cannot
 * be right, and believes nothing before the last byte is there.
 */
export function decodeHeader(bytes: Uint8Array, options: DecodeOptions): Decoded {
  return decode(bytes, options, "stream");
}

/**
 * Reads the header of a datagram: version 2, whole, with the payload behind it; every datagram has its own.
 * @throws UserError when the options ask for version 1 alone, which has no form for UDP
 */
export function decodeDatagram(
  bytes: Uint8Array,
  options: DecodeOptions,
): Exclude<Decoded, { state: "more" }> {
  if (options.version === 1) {
    throw new UserError({
      what: "cannot read PROXY headers from datagrams",
      why: "version 1 of the protocol knows TCP only",
      next: "use version 2 for UDP",
    });
  }
  const decoded = decode(bytes, { ...options, version: 2 }, "datagram");
  if (decoded.state !== "more") return decoded;
  return refuse("incomplete", `the datagram ends after ${bytes.length} bytes of the header`);
}

function decode(bytes: Uint8Array, options: DecodeOptions, carrier: Carrier): Decoded {
  const { version } = options;
  const candidates: readonly ProxyVersion[] = version === "either" ? [1, 2] : [version];
  const fitting = candidates.find((candidate) => startsAs(bytes, candidate));
  if (fitting === undefined) return refuseStart(bytes);
  const decoded =
    bytes.length < STARTS[fitting].length
      ? more(smallest(candidates, bytes))
      : fitting === 1
        ? decodeLine(bytes)
        : decodeBinary(bytes, options.maxBytes ?? DEFAULT_MAX_BYTES, carrier);
  if (decoded.state !== "header" || !options.requireAddresses) return decoded;
  const { kind } = decoded.header.proxied;
  if (kind === "inet" || kind === "local") return decoded;
  return refuse("no-addresses", kind === "unix" ? "it came from a UNIX socket" : "relayed without addresses");
}

/** Whether bytes are the start of a version, or may still become it. */
function startsAs(bytes: Uint8Array, version: ProxyVersion): boolean {
  const start = STARTS[version];
  for (let at = 0; at < bytes.length && at < start.length; at++) if (bytes[at] !== start[at]) return false;
  return true;
}

function refuseStart(bytes: Uint8Array): Refusal {
  const other = ([1, 2] as const).find(
    (version) => bytes.length >= STARTS[version].length && startsAs(bytes, version),
  );
  if (other !== undefined) return refuse("wrong-version", `a header of version ${other}`);
  const start = Buffer.from(bytes.subarray(0, FIXED_BYTES)).toString("latin1");
  return refuse("no-header", `it starts with ${JSON.stringify(start)}`);
}

/** The shortest header of a version: `PROXY UNKNOWN` with its end, or the fixed part. */
const LEAST: Readonly<Record<ProxyVersion, number>> = { 1: 15, 2: FIXED_BYTES };

function smallest(candidates: readonly ProxyVersion[], bytes: Uint8Array): number {
  return Math.min(
    ...candidates.filter((version) => startsAs(bytes, version)).map((version) => LEAST[version]),
  );
}

function more(atLeast: number): Decoded {
  return { state: "more", atLeast };
}

function decodeLine(bytes: Uint8Array): Decoded {
  const end = endOfLine(bytes);
  if (typeof end === "object") return end;
  if (end === undefined) return more(Math.max(LEAST[1], bytes.length + 1));
  const read = readLine(Buffer.from(bytes.subarray(0, end - 2)).toString("latin1"));
  if (isRefusal(read)) return read;
  return {
    state: "header",
    header: { version: 1, proxied: read, attributes: {}, checksummed: false },
    length: end,
  };
}

function decodeBinary(bytes: Uint8Array, maxBytes: number, carrier: Carrier): Decoded {
  const length = lengthOf(bytes, maxBytes, carrier);
  if (typeof length === "object") return length;
  if (length === undefined) return more(FIXED_BYTES);
  if (bytes.length < length) return more(length);
  const read = readBinary(bytes.subarray(0, length));
  return isRefusal(read) ? read : { state: "header", header: read, length };
}

function isRefusal(value: Proxied | ProxyHeader | Refusal): value is Refusal {
  return "state" in value;
}
