/** Listeners: one per port, whatever the families and server names. */
import type { Family } from "../../ip/family.ts";
import type { ListenerChain, ProxyListener, ProxyModel } from "../../traffic/gateway/model.ts";
import type { ClientPolicy } from "../../traffic/gateway/policy-model.ts";
import { encode, encodeField, type JsonObject } from "../proto/index.ts";
import { TYPE_URLS } from "../resources.ts";
import { connectionManager } from "./http-connection.ts";
import { cidrRange, extension, socketAddress, tcpKeepalive } from "./names.ts";
import { downstreamTls } from "./server-tls.ts";
import { closeFilter, MAX_DATAGRAM, tcpProxy, udpProxy } from "./stream.ts";

const WILDCARDS = { IPv4: "0.0.0.0", IPv6: "::" } as const;
/** Bytes that are read ahead for a connection, each way (Envoy's advice for edges). */
const BUFFER_LIMIT = 32_768;

/** A Listener of Envoy's, before it is made. */
export interface ListenerPlan {
  readonly name: string;
  readonly addresses: readonly string[];
}

/**
 * The Listeners that a port becomes. Without addresses of its own it is one: the wildcard of the first family, and that of
 * the other as an additional one. With addresses of its own it is one for each: Envoy makes a Listener anew when its list of
 * addresses changes, and ends the connections of the old one; so a load balancer that gets or loses an address would cut
 * the connections over the other.
 * @param families that the host has, preferred first; at least one
 */
export function listenerPlans(listener: ProxyListener, families: readonly Family[]): ListenerPlan[] {
  const { name, addresses } = listener;
  if (addresses === undefined) return [{ name, addresses: families.map((family) => WILDCARDS[family]) }];
  return families.flatMap((family) => {
    const address = addresses[family];
    return address === undefined ? [] : [{ name: `${name}@${address}`, addresses: [address] }];
  });
}

/** A Listener in bytes: filter chains that stayed the same are not made again, of which there may be thousands. */
export function listenerBytes(
  listener: ProxyListener,
  plan: ListenerPlan,
  model: Pick<ProxyModel, "destinations">,
): Uint8Array {
  const chains = listener.transport === "UDP" ? listener.chains : withoutRivals(listener.chains);
  const head = encode(TYPE_URLS.listener, listenerOf({ ...listener, chains }, plan, model));
  if (listener.transport === "UDP") return head;
  // connections that no chain is for are closed; without any chain Envoy would refuse the listener
  const parts =
    chains.length > 0
      ? chains.map((chain) => chainBytes(chain, listener))
      : [chainField({ name: "none", filters: [closeFilter()] })];
  return Buffer.concat([head, ...parts]);
}

interface MadeChain {
  readonly listener: string;
  readonly policy: ClientPolicy | undefined;
  readonly bytes: Uint8Array;
}

/** Filter chains as they were made last. */
const madeChains = new WeakMap<ListenerChain, MadeChain>();

function chainBytes(chain: ListenerChain, listener: ProxyListener): Uint8Array {
  const known = madeChains.get(chain);
  if (known?.listener === listener.name && known.policy === listener.policy) return known.bytes;
  const bytes = chainField(filterChain(chain, listener));
  madeChains.set(chain, { listener: listener.name, policy: listener.policy, bytes });
  return bytes;
}

function chainField(chain: JsonObject): Uint8Array {
  return encodeField(TYPE_URLS.listener, "filter_chains", [chain]);
}

/**
 * A port as Envoy's Listener, without its filter chains. An IPv6 socket takes IPv6 only (no `ipv4_compat`), so peers of either family show their
 * own addresses.
 */
function listenerOf(
  listener: ProxyListener,
  { name, addresses }: ListenerPlan,
  model: Pick<ProxyModel, "destinations">,
): JsonObject {
  const [first, ...others] = addresses.map((address) =>
    socketAddress(address, listener.bindPort, listener.transport),
  );
  return {
    name,
    stat_prefix: listener.name,
    address: first,
    ...(others.length > 0 && { additional_addresses: others.map((address) => ({ address })) }),
    // an address of its own may be on its way to the host, or be with another one
    ...(listener.addresses && { freebind: true }),
    ...(listener.transport === "UDP" ? udpParts(listener, model) : tcpParts(listener)),
  };
}

function udpParts(listener: ProxyListener, model: Pick<ProxyModel, "destinations">): JsonObject {
  const socket = { max_rx_datagram_size: MAX_DATAGRAM };
  return {
    udp_listener_config: { downstream_socket_config: socket },
    listener_filters: [udpProxy(listener, model)],
  };
}

function tcpParts(listener: ProxyListener): JsonObject {
  const { policy = {}, chains } = listener;
  const filters = [
    ...(policy.proxyProtocol ? [proxyProtocol(policy.proxyProtocol.optional)] : []),
    ...(chains.some((chain) => chain.tls || chain.serverNames.length > 0) ? [TLS_INSPECTOR] : []),
  ];
  return {
    per_connection_buffer_limit_bytes: policy.bufferLimit ?? BUFFER_LIMIT,
    ...(policy.keepalive && { tcp_keepalive: tcpKeepalive(policy.keepalive) }),
    ...(filters.length > 0 && { listener_filters: filters }),
  };
}

/** Of chains for one name the first has it: Envoy would refuse the listener, with all that it serves. */
function withoutRivals(chains: readonly ListenerChain[]): readonly ListenerChain[] {
  const taken = new Set<string>();
  return chains.flatMap((chain) => {
    const { serverNames } = chain;
    const names = serverNames.length === 0 || serverNames.includes("*") ? ["*"] : [...new Set(serverNames)];
    const own = names.filter((name) => !taken.has(name));
    for (const name of own) taken.add(name);
    if (own.length === 0) return [];
    const isWhole = own.includes("*") || own.length === serverNames.length;
    return [isWhole ? chain : { ...chain, serverNames: own }];
  });
}

const TLS_INSPECTOR = extension(
  "envoy.filters.listener.tls_inspector",
  "envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector",
);

function proxyProtocol(optional: boolean): JsonObject {
  return extension(
    "envoy.filters.listener.proxy_protocol",
    "envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol",
    optional ? { allow_requests_without_proxy_protocol: true } : {},
  );
}

function filterChain(chain: ListenerChain, listener: ProxyListener): JsonObject {
  const policy: ClientPolicy = { ...listener.policy, ...chain.policy };
  const match = chainMatch(chain, listener.policy);
  return {
    name: chain.name,
    ...(match && { filter_chain_match: match }),
    filters: [
      ...(policy.allowedSources?.length ? [onlyFrom(policy.allowedSources)] : []),
      ...(policy.connectionLimit === undefined ? [] : [connectionLimit(policy.connectionLimit)]),
      networkFilter(chain, listener, policy),
    ],
    ...(chain.tls && {
      transport_socket: downstreamTls(chain.tls, chain.serve.kind === "http"),
      transport_socket_connect_timeout: "15s",
    }),
  };
}

/** Peers that are not trusted to speak the PROXY protocol have no chain, so their connections are closed. */
function chainMatch({ serverNames }: ListenerChain, policy: ClientPolicy = {}): JsonObject | undefined {
  const trusted = policy.proxyProtocol?.trusted ?? [];
  const named = serverNames.length > 0 && !serverNames.includes("*");
  if (trusted.length === 0 && !named) return undefined;
  return {
    ...(named && { server_names: serverNames }),
    ...(trusted.length > 0 && { direct_source_prefix_ranges: trusted.map(cidrRange) }),
  };
}

function networkFilter(chain: ListenerChain, listener: ProxyListener, policy: ClientPolicy): JsonObject {
  const { serve } = chain;
  if (serve.kind === "http") return connectionManager(serve.routeTable, listener.name, policy);
  return serve.kind === "stream" ? tcpProxy(serve.forward, listener.name, policy) : closeFilter();
}

/** Closes connections that come from elsewhere. */
function onlyFrom(sources: readonly string[]): JsonObject {
  const principals = sources.map((source) => ({ remote_ip: cidrRange(source) }));
  const clients = { permissions: [{ any: true }], principals };
  return extension("envoy.filters.network.rbac", "envoy.extensions.filters.network.rbac.v3.RBAC", {
    stat_prefix: "sources",
    rules: { action: "ALLOW", policies: { clients } },
  });
}

function connectionLimit(most: number): JsonObject {
  return extension(
    "envoy.filters.network.connection_limit",
    "envoy.extensions.filters.network.connection_limit.v3.ConnectionLimit",
    { stat_prefix: "connections", max_connections: most },
  );
}
