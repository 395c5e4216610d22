/** Reads version 1: a line of text. */
import { parseAddress, formatAddress } from "../ip/address.ts";
import type { Family } from "../ip/family.ts";
import { MAX_LINE, type Proxied } from "./header.ts";
import { unmappedPair } from "./pair.ts";
import { type Refusal, refuse } from "./refusal.ts";

const CR = 13;
const LF = 10;

/** Where the line ends, CR LF included; undefined while it may still come. */
export function endOfLine(bytes: Uint8Array): number | undefined | Refusal {
  const limit = Math.min(bytes.length, MAX_LINE);
  for (let at = 0; at < limit; at++) {
    if (bytes[at] === LF) return refuse("bad-line", "a line feed without a carriage return");
    if (bytes[at] !== CR) continue;
    if (at + 1 === MAX_LINE) break;
    if (at + 1 === bytes.length) return undefined;
    if (bytes[at + 1] === LF) return at + 2;
    return refuse("bad-line", "a carriage return without a line feed");
  }
  return limit < MAX_LINE ? undefined : refuse("too-long", `no end of line within ${MAX_LINE} bytes`);
}

const FAMILY_OF: Readonly<Record<string, Family>> = { TCP4: "IPv4", TCP6: "IPv6" };

/** What a line says, given without its CR LF. */
export function readLine(line: string): Proxied | Refusal {
  const [, protocol = "", ...fields] = line.split(" ");
  // what follows UNKNOWN is to be ignored, whatever it is
  if (protocol === "UNKNOWN") return { kind: "unknown" };
  const family = FAMILY_OF[protocol];
  if (family === undefined)
    return refuse("bad-family", `${JSON.stringify(protocol)} is no protocol of version 1`);
  if (fields.length !== 4) return refuse("bad-line", `${fields.length} fields after ${protocol}; it takes 4`);
  const [from = "", to = "", fromPort = "", toPort = ""] = fields;
  const source = parseAddress(from);
  const destination = parseAddress(to);
  if (source?.family !== family || destination?.family !== family) {
    const wrong = source?.family === family ? to : from;
    return refuse("bad-address", `${JSON.stringify(wrong)} is no ${family} address`);
  }
  const ports = [portOf(fromPort), portOf(toPort)];
  if (ports[0] === undefined || ports[1] === undefined) {
    const wrong = ports[0] === undefined ? fromPort : toPort;
    return refuse("bad-port", `${JSON.stringify(wrong)} is no port`);
  }
  const [real, realTo, realFamily] = unmappedPair(source, destination);
  return {
    kind: "inet",
    family: realFamily,
    transport: "TCP",
    source: { address: formatAddress(real), port: ports[0] },
    destination: { address: formatAddress(realTo), port: ports[1] },
  };
}

function portOf(text: string): number | undefined {
  if (!/^(0|[1-9][0-9]{0,4})$/.test(text)) return undefined;
  return Number(text) <= 65535 ? Number(text) : undefined;
}
