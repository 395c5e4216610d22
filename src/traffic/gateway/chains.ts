/** Ports as proxy listeners: which chain takes which connection. */
import { ownerOf } from "./hostnames.ts";
import { clientPolicy } from "./listener-policies.ts";
import type { ResolvedListener } from "./listeners.ts";
import type { Forward, ListenerChain, ProxyListener } from "./model.ts";
import type { Port } from "./ports.ts";

/** The stream that a listener forwards for a hostname (`*` for TCP and UDP); undefined: there is no route. */
export type StreamAt = (listener: ResolvedListener, hostname: string) => Forward | undefined;

/** The hostnames that routes serve on a TLS listener, sorted. */
export type StreamHostnames = (listener: ResolvedListener) => readonly string[];

/** The name of the table of a listener: one per port for HTTP, one per listener for HTTPS. */
export function tableName({ group, spec, id }: ResolvedListener): string {
  return group === "http" ? `http-${spec.port}` : `https-${spec.port}/${id}`;
}

/** What a port listens for; undefined when none of its listeners can serve. */
export function proxyListener(
  port: Port,
  streamAt: StreamAt,
  hostnames: StreamHostnames,
): ProxyListener | undefined {
  const serving = port.listeners.filter(({ serves }) => serves);
  const [first] = serving;
  if (first === undefined) return undefined;
  const chains = chainsOf(first, serving, port, streamAt, hostnames);
  const { name, transport, port: number, bindPort } = port;
  const origins = serving.map(({ origin }) => origin);
  return { name, transport, port: number, bindPort, chains, ...clientPolicy(serving).port, origins };
}

function chainsOf(
  first: ResolvedListener,
  serving: readonly ResolvedListener[],
  port: Port,
  streamAt: StreamAt,
  hostnames: StreamHostnames,
): readonly ListenerChain[] {
  const origins = serving.map(({ origin }) => origin);
  if (first.group === "http")
    return [
      {
        name: "http",
        serverNames: [],
        serve: { kind: "http", routeTable: tableName(first) },
        ...clientPolicy(serving).chain,
        origins,
      },
    ];
  if (first.group !== "tls")
    return serving.map((listener) => streamChain(listener, listener.id, "*", streamAt));
  const chains = serving.flatMap((listener) =>
    listener.spec.protocol === "HTTPS"
      ? [httpsChain(listener)]
      : tlsChains(listener, port, streamAt, hostnames),
  );
  return chains.length > 0 ? chains : [{ name: "close", serverNames: [], serve: { kind: "close" }, origins }];
}

function httpsChain(listener: ResolvedListener): ListenerChain {
  return {
    name: listener.id,
    serverNames: serverNames(listener.hostname),
    ...tlsOf(listener),
    serve: { kind: "http", routeTable: tableName(listener) },
    ...clientPolicy([listener]).chain,
    origins: [listener.origin],
  };
}

/** A chain per hostname that a route has here; the rest of the listener's own is closed, not left to wider listeners. */
function tlsChains(
  listener: ResolvedListener,
  port: Port,
  streamAt: StreamAt,
  hostnames: StreamHostnames,
): readonly ListenerChain[] {
  const served = hostnames(listener).filter(
    (hostname) => ownerOf(hostname, port.hostnames) === listener.hostname,
  );
  const own = served.includes(listener.hostname) || listener.hostname === "*" ? [] : [listener.hostname];
  return [...served, ...own].map((hostname) => {
    const name = hostname === listener.hostname ? listener.id : `${listener.id}/${hostname}`;
    return streamChain(listener, name, hostname, streamAt);
  });
}

/** Chains by what they forward, so that thousands of routes of one listener are not made anew for one of them. */
const made = new WeakMap<Forward, ListenerChain>();

function streamChain(
  listener: ResolvedListener,
  name: string,
  hostname: string,
  streamAt: StreamAt,
): ListenerChain {
  const forward = streamAt(listener, hostname);
  const before = forward && made.get(forward);
  const client = clientPolicy([listener]).chain;
  const same = before?.name === name && before.origins[0] === listener.origin;
  if (same && before.tls === listener.security?.tls && before.policy === client.policy) return before;
  const chain: ListenerChain = {
    name,
    serverNames: listener.group === "tls" ? serverNames(hostname) : [],
    ...tlsOf(listener),
    serve: forward === undefined ? { kind: "close" } : { kind: "stream", forward },
    ...client,
    origins: [listener.origin],
  };
  if (forward !== undefined) made.set(forward, chain);
  return chain;
}

function tlsOf({ security }: ResolvedListener): Pick<ListenerChain, "tls"> {
  return security?.tls === undefined ? {} : { tls: security.tls };
}

function serverNames(hostname: string): readonly string[] {
  return hostname === "*" ? [] : [hostname];
}
