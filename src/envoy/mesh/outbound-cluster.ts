/** The clusters of Services in sidecars. */
import type { Destination } from "../../traffic/gateway/model.ts";
import type { Family } from "../../ip/family.ts";
import { clusterOf } from "../desired/cluster.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../proto/index.ts";
import { FAMILY_SUBSETS } from "./client-family.ts";
import { SAME_VERSION } from "./http.ts";
import { CLUSTERS, markOption, OUTBOUND_STATS } from "./names.ts";
import { peerSocket, peerSocketMatches } from "./tls.ts";

/** What a cluster of a sidecar is made from. */
export interface OutboundCluster {
  readonly destination: Destination;
  /** Whether connections are looked at (HTTP or not), so that either HTTP version may come. */
  readonly auto: boolean;
  /** Identities of the backends that have sidecars. */
  readonly identities: readonly string[];
  readonly families: readonly Family[];
  /** Whether it has a subset per family of clients. */
  readonly byClient?: boolean;
  /** SO_MARK of connections, which a cluster's own socket options would else lose. */
  readonly mark?: number | undefined;
}

/** A Service's port as a cluster with endpoints. */
export function outboundCluster(name: string, from: OutboundCluster): JsonObject {
  const { auto, identities } = from;
  return {
    ...common(name, from),
    ...(from.byClient && FAMILY_SUBSETS),
    ...(auto && { typed_extension_protocol_options: SAME_VERSION }),
    ...(identities.length > 0 &&
      from.destination.tls === undefined && { transport_socket_matches: peerSocketMatches(identities) }),
  };
}

/** A headless Service's port: connections go to the very pod that they were meant for, which has a sidecar or not. */
export function directCluster(name: string, from: OutboundCluster): JsonObject {
  const { type: _type, eds_cluster_config: _eds, load_assignment: _hosts, ...rest } = common(name, from);
  return {
    ...rest,
    ...ORIGINAL,
    ...(from.auto && { typed_extension_protocol_options: SAME_VERSION }),
    ...(from.identities.length > 0 && { transport_socket: peerSocket(from.identities) }),
  };
}

const ORIGINAL = { type: "ORIGINAL_DST", lb_policy: "CLUSTER_PROVIDED" } as const;

/** What Envoy does if nothing is said. Source: envoy.config.cluster.v3.Cluster, `connect_timeout`. */
const DEFAULT_CONNECT_TIMEOUT = "5s";

/** Thousands of these are alike: what is said in each, is said as briefly as can be. */
function common(name: string, { destination, families, mark }: OutboundCluster): JsonObject {
  const {
    upstream_bind_config: bind,
    connect_timeout: timeout,
    ignore_health_on_host_removal: ignoreHealth,
    ...cluster
  } = clusterOf(destination, { name, families });
  const options = objectsIn(objectOr(bind)["socket_options"]).map(({ description: _, ...option }) => option);
  const all = [...options, ...(mark === undefined ? [] : [markOption(mark)])];
  return {
    ...cluster,
    ...(timeout !== DEFAULT_CONNECT_TIMEOUT && { connect_timeout: timeout }),
    ...(cluster["health_checks"] !== undefined && { ignore_health_on_host_removal: ignoreHealth }),
    alt_stat_name: OUTBOUND_STATS,
    ...(all.length > 0 && { upstream_bind_config: { socket_options: all } }),
  };
}

function objectOr(value: JsonValue): JsonObject {
  return isJsonObject(value) ? value : {};
}

function objectsIn(value: JsonValue): JsonObject[] {
  return Array.isArray(value) ? value.filter(isJsonObject) : [];
}

/** The clusters that every sidecar has beside those of Services. */
export function fixedClusters(): JsonObject[] {
  return [
    { name: CLUSTERS.passthrough, ...ORIGINAL, typed_extension_protocol_options: SAME_VERSION },
    { name: CLUSTERS.blackHole, type: "STATIC" },
  ];
}
