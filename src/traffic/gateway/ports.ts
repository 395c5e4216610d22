/** The ports of a proxy: what its listeners have on each, and the port that the proxy itself listens on. */
import type { ResolvedListener } from "./listeners.ts";

/** All listeners of one port and transport; they are of one {@link ProtocolGroup}. */
export interface Port {
  /** `tcp-443`. */
  readonly name: string;
  readonly transport: "TCP" | "UDP";
  readonly port: number;
  readonly bindPort: number;
  /** Those without conflicts, in order. Some may not serve, but their hostnames are theirs all the same. */
  readonly listeners: readonly ResolvedListener[];
  /** Theirs. */
  readonly hostnames: ReadonlySet<string>;
}

/** Ports below need privileges, which proxies do not have. */
const PRIVILEGED = 1024;
const OFFSET = 10_000;

/** Groups listeners by port, sorted by transport and port. */
export function portsOf(listeners: readonly ResolvedListener[]): readonly Port[] {
  const groups = new Map<string, ResolvedListener[]>();
  for (const listener of listeners) {
    if (listener.group === undefined || listener.conflict !== undefined) continue;
    if (listener.notAccepted?.reason === "PortUnavailable") continue;
    const name = `${listener.group === "udp" ? "udp" : "tcp"}-${listener.spec.port}`;
    const group = groups.get(name);
    if (group === undefined) groups.set(name, [listener]);
    else group.push(listener);
  }
  const binds = bindPorts([...groups.keys()]);
  return [...groups]
    .map(([name, group]) => ({
      name,
      transport: name.startsWith("udp-") ? ("UDP" as const) : ("TCP" as const),
      port: portNumber(name),
      bindPort: binds.get(name) ?? 0,
      listeners: group,
      hostnames: new Set(group.map(({ hostname }) => hostname)),
    }))
    .sort((one, other) => compare(one.transport, other.transport) || one.port - other.port);
}

/** Which port each is bound to: 10000 more below 1024, or 20000 and so on where a listener has that very port. */
function bindPorts(names: readonly string[]): ReadonlyMap<string, number> {
  const binds = new Map<string, number>();
  const taken = new Set<string>(names);
  for (const name of names) {
    const port = portNumber(name);
    const transport = name.slice(0, 3);
    let bind = port < PRIVILEGED ? port + OFFSET : port;
    while (port < PRIVILEGED && taken.has(`${transport}-${bind}`)) bind += OFFSET;
    binds.set(name, bind);
  }
  return binds;
}

function portNumber(name: string): number {
  return Number(name.slice(4));
}

function compare(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0;
}
