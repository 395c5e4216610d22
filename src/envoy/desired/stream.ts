/** Connections and datagrams that pass as they are. */
import type { Forward, ProxyListener, ProxyModel } from "../../traffic/gateway/model.ts";
import type { ClientPolicy } from "../../traffic/gateway/policy-model.ts";
import type { JsonObject } from "../proto/index.ts";
import { accessLogs } from "./access-log.ts";
import { any, cidrRange, duration, extension, NO_CLUSTER } from "./names.ts";

/** Accepts and closes. */
export function closeFilter(): JsonObject {
  return extension(
    "envoy.filters.network.direct_response",
    "envoy.extensions.filters.network.direct_response.v3.Config",
    { response: { inline_string: "" } },
  );
}

/** The shares that take part, without those of weight 0. */
export function weighing(forward: Forward): Forward["shares"] {
  return forward.shares.filter((share) => share.weight > 0);
}

/** The clusters that a stream of TCP goes to. */
export function streamClusters(forward: Forward): string[] {
  return weighing(forward).flatMap((share) => share.destination ?? []);
}

/** TCP to one cluster, or to several by weight; a share without a valid backend is closed. */
export function tcpProxy(forward: Forward, statPrefix: string, policy: ClientPolicy): JsonObject {
  const shares = weighing(forward);
  if (!shares.some((share) => share.destination !== undefined)) return closeFilter();
  const clusters = shares.map(({ destination, weight }) => ({ name: destination ?? NO_CLUSTER, weight }));
  const [only] = clusters;
  return extension(
    "envoy.filters.network.tcp_proxy",
    "envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy",
    {
      stat_prefix: statPrefix,
      ...(clusters.length === 1 && only ? { cluster: only.name } : { weighted_clusters: { clusters } }),
      // A backend that has just gone is no reason to close: others are tried.
      max_connect_attempts: 3,
      ...(policy.idleTimeout !== undefined && { idle_timeout: duration(policy.idleTimeout) }),
      access_log: accessLogs(policy.accessLog),
    },
  );
}

/** What a UDP port sends to. Envoy knows one cluster per port, so that several are merged into one of our own. */
export type UdpTarget =
  | { readonly kind: "one"; readonly cluster: string }
  | { readonly kind: "split"; readonly cluster: string; readonly forward: Forward };

/** Where the datagrams of a port go; undefined: nowhere, they are dropped. */
export function udpTarget(
  listener: ProxyListener,
  { destinations }: Pick<ProxyModel, "destinations">,
): UdpTarget | undefined {
  const [chain] = listener.chains;
  if (chain?.serve.kind !== "stream") return undefined;
  const { forward } = chain.serve;
  const shares = weighing(forward);
  const valid = shares.flatMap(({ destination }) =>
    destination !== undefined && destinations.has(destination) ? [destination] : [],
  );
  const [first] = valid;
  if (first === undefined) return undefined;
  if (shares.length === 1) return { kind: "one", cluster: first };
  return { kind: "split", cluster: `split/${listener.name}`, forward };
}

/** As large as a datagram can be: Envoy drops those above 1,500 bytes unless told otherwise. */
export const MAX_DATAGRAM = 65_535;

/** UDP: one session per client address and port. */
export function udpProxy(listener: ProxyListener, model: Pick<ProxyModel, "destinations">): JsonObject {
  const target = udpTarget(listener, model);
  const route = any("envoy.extensions.filters.udp.udp_proxy.v3.Route", {
    cluster: target?.cluster ?? NO_CLUSTER,
  });
  return extension(
    "envoy.filters.udp_listener.udp_proxy",
    "envoy.extensions.filters.udp.udp_proxy.v3.UdpProxyConfig",
    {
      stat_prefix: listener.name,
      upstream_socket_config: { max_rx_datagram_size: MAX_DATAGRAM },
      matcher: fromSources(
        { action: { name: "route", typed_config: route } },
        listener.policy?.allowedSources,
      ),
      ...(listener.policy?.idleTimeout !== undefined && {
        idle_timeout: duration(listener.policy.idleTimeout),
      }),
    },
  );
}

/** Datagrams of others match nothing, and are dropped. */
function fromSources(action: JsonObject, sources: readonly string[] = []): JsonObject {
  if (sources.length === 0) return { on_no_match: action };
  const byAddress = any("xds.type.matcher.v3.IPMatcher", {
    range_matchers: [{ ranges: sources.map(cidrRange), on_match: action }],
  });
  const input = any("envoy.extensions.matching.common_inputs.network.v3.SourceIPInput");
  return {
    matcher_tree: {
      input: { name: "source", typed_config: input },
      custom_match: { name: "by-address", typed_config: byAddress },
    },
  };
}
