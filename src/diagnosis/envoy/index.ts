/**
 * Judges where an Envoy listens: a port that is bound to 0.0.0.0 hears IPv4 alone, and one on [::] without `ipv4_compat`
 * IPv6 alone (envoy.config.core.v3.SocketAddress), however ready the proxy believes itself to be. Pure.
 */
import type { EnvoyDump } from "../../envoy/current/dump.ts";
import { type BoundAddress, boundAddresses } from "../../envoy/current/addresses.ts";
import { familyOfText, joinHostPort } from "../../ip/address.ts";
import { FAMILIES, type Family } from "../../ip/family.ts";

/** A port that does not hear every family. */
export interface ListenerFinding {
  readonly level: "warning";
  /** The listeners of the port. */
  readonly object: string;
  readonly message: string;
  readonly next: string;
}

/** Ports whose callers are not clients; Envoy Gateway has the same ones. */
const CALLERS: Readonly<Record<number, string>> = {
  19001: "Prometheus' scrapes",
  19003: "the kubelet's readiness probes (they come over the pod's first address)",
};

/** What Envoys' admin interfaces are called among their listeners. */
export const ADMIN = "admin interface";

interface Port {
  readonly port: number;
  readonly names: Set<string>;
  readonly addresses: BoundAddress[];
}

/** What is wrong with the ports of an Envoy in a cluster of these families; those on loopback alone are not judged. */
export function judgeListeners(dump: EnvoyDump, families: readonly Family[]): readonly ListenerFinding[] {
  return [...portsOf(dump).values()].flatMap(({ port, names, addresses }) => {
    const heard = new Set(addresses.flatMap(familiesHeard));
    const missing = families.filter((family) => !heard.has(family));
    if (missing.length === 0) return [];
    const bound = [...new Set(addresses.map(({ host }) => joinHostPort(host, port)))].join(", ");
    const isAdmin = names.has(ADMIN);
    const callers = isAdmin ? "requests to it, such as scrapes," : (CALLERS[port] ?? "clients");
    const both = isAdmin ? "" : ', or 0.0.0.0 and "::" (address and additional_addresses)';
    return {
      level: "warning" as const,
      object: isAdmin ? ADMIN : `listener ${[...names].join(", ")}`,
      message: `${bound} hears ${[...heard].join(" and ")} alone: ${callers} over ${missing.join(" and ")} are refused`,
      next: `bind address "::" with ipv4_compat: true${both}, port ${port}`,
    };
  });
}

/** How many ports were judged. */
export function countPorts(dump: EnvoyDump): number {
  return portsOf(dump).size;
}

/** By protocol and port: several listeners may share one, each with an address of its own. */
function portsOf({ listeners }: EnvoyDump): ReadonlyMap<string, Port> {
  const ports = new Map<string, Port>();
  for (const { name, state, resource } of listeners) {
    if (resource === undefined || state === "draining") continue;
    for (const address of boundAddresses(resource)) {
      if (isLoopback(address.host)) continue;
      const key = `${address.protocol} ${address.port}`;
      const port = ports.get(key) ?? { port: address.port, names: new Set(), addresses: [] };
      port.names.add(name);
      port.addresses.push(address);
      ports.set(key, port);
    }
  }
  return ports;
}

function isLoopback(host: string): boolean {
  return host.startsWith("127.") || host === "::1";
}

function familiesHeard({ host, ipv4Compat }: BoundAddress): readonly Family[] {
  if (host === "::" && ipv4Compat) return FAMILIES;
  if (host.toLowerCase().startsWith("::ffff:")) return ["IPv4"];
  return [familyOfText(host) ?? []].flat();
}
