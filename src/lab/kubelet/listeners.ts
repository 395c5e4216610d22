/** What a pod really listens on: the kernel's own table of its network namespace. */
import { readFileSync } from "node:fs";
import { canonicalAddress, joinHostPort } from "../../ip/address.ts";
import { type Family, FAMILIES, otherFamily } from "../../ip/family.ts";

/** A listening TCP socket. */
export interface Listener {
  readonly family: Family;
  /** Canonical text; `::` may take IPv4 as well, which the table does not tell. */
  readonly address: string;
  readonly port: number;
}

const FILES: Required<Record<Family, string>> = { IPv4: "tcp", IPv6: "tcp6" };
const LISTEN = "0A";

/** The listening sockets of the network namespace of a process; none where the process is gone. */
export function listenersOf(pid: number): Listener[] {
  return FAMILIES.flatMap((family) => {
    try {
      return parseListeners(readFileSync(`/proc/${pid}/net/${FILES[family]}`, "utf8"), family);
    } catch {
      return [];
    }
  });
}

/** Reads /proc/net/tcp or tcp6 (proc_net_tcp(5)). Pure. */
export function parseListeners(table: string, family: Family): Listener[] {
  return table.split("\n").flatMap((line) => {
    const match = /^\s*\d+: ([0-9A-F]+):([0-9A-F]{4}) \S+ ([0-9A-F]{2}) /.exec(line);
    if (match === null || match[3] !== LISTEN) return [];
    const address = addressOf(match[1] as string, family);
    return address === undefined ? [] : [{ family, address, port: Number.parseInt(match[2] as string, 16) }];
  });
}

/** The table has 32-bit words in the byte order of the machine, which is little-endian wherever Tandem runs. */
function addressOf(hex: string, family: Family): string | undefined {
  const words = hex.match(/.{8}/g) ?? [];
  const bytes = words.flatMap((word) => (word.match(/../g) ?? []).reverse());
  if (family === "IPv4") return bytes.map((byte) => Number.parseInt(byte, 16)).join(".");
  const groups = Array.from({ length: 8 }, (_, index) => `${bytes[2 * index]}${bytes[2 * index + 1]}`);
  return canonicalAddress(groups.join(":").toLowerCase());
}

/** Ports of sidecars, Istio's among them: what listens there is none of the application's. */
const SIDECARS = { first: 15_000, last: 15_099 };

/**
 * The first of these ports that listens on loopback, where nothing of the pod's applications listens on anything else:
 * nobody outside of the pod can reach it, whatever a sidecar accepts. Pure.
 */
export function deafPort(ports: readonly number[], listeners: readonly Listener[]): number | undefined {
  const own = listeners.filter(({ port }) => port < SIDECARS.first || port > SIDECARS.last);
  if (own.some(({ address }) => !isLoopback(address))) return undefined;
  return ports.find((port) => own.some((listener) => listener.port === port));
}

function isLoopback(address: string): boolean {
  return address === "::1" || /^(::ffff:)?127\./.test(address);
}

const WILDCARD: Required<Record<Family, string>> = { IPv4: "0.0.0.0", IPv6: "::" };

/** Why a port does not answer over a family: a reason in one word, and what to do. */
export interface Silence {
  readonly reason: "ListensElsewhere" | "NotListening" | "ProbeFailed";
  readonly message: string;
}

/**
 * Explains why a port of a pod does not answer at one of its addresses, by what listens there. Pure.
 *
 * @param failure what the probe said, which counts where a socket does listen at that address
 */
export function explainSilence(
  family: Family,
  address: string,
  port: number,
  listeners: readonly Listener[],
  failure: string,
): Silence {
  const own = listeners.filter((listener) => listener.port === port);
  if (own.length === 0) return { reason: "NotListening", message: `nothing listens on port ${port}` };
  const reaches = (listener: Listener) =>
    listener.family === family && [WILDCARD[family], address].includes(listener.address);
  if (own.some(reaches)) return { reason: "ProbeFailed", message: failure };
  const places = [...new Set(own.map((listener) => joinHostPort(listener.address, port)))].join(" and ");
  const other = otherFamily(family);
  const onlyOther = own.every((listener) => listener.family === other);
  const both = family === "IPv4" && own.some(({ address: bound }) => bound === "::");
  const fix = both
    ? `clear IPV6_V6ONLY, or bind ${joinHostPort("0.0.0.0", port)} too`
    : `bind ${joinHostPort("::", port)}`;
  const limits = onlyOther && both ? ` for ${other} only` : "";
  return { reason: "ListensElsewhere", message: `listens on ${places}${limits}; ${fix}` };
}
