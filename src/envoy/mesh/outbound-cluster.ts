/** The clusters of Services in sidecars. */
import type { Destination } from "../../traffic/gateway/model.ts";
import type { Family } from "../../ip/family.ts";
import { clusterOf } from "../desired/cluster.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../proto/index.ts";
import { PEERS, SAME_VERSION } from "./http.ts";
import { CLUSTERS, markOption, OUTBOUND_STATS } from "./names.ts";
import { BY_FAMILY, byAddress } from "./subsets.ts";
import { peerSocketMatches } from "./tls.ts";

/** What a cluster of a sidecar is made from. */
export interface OutboundCluster {
  readonly destination: Destination;
  /** Whether connections are looked at (HTTP or not), so that either HTTP version may come. */
  readonly auto: boolean;
  /** Identities of the backends that have sidecars. */
  readonly identities: readonly string[];
  /** Whether there are backends, and connections to all of them are taken by a sidecar. */
  readonly allCaptured: boolean;
  readonly families: readonly Family[];
  /** Whether it has a subset per family of clients. */
  readonly byClient?: boolean;
  /** SO_MARK of connections, which a cluster's own socket options would else lose. */
  readonly mark?: number | undefined;
}

/** A Service's port as a cluster with endpoints. */
export function outboundCluster(name: string, from: OutboundCluster): JsonObject {
  return { ...common(name, from), ...(from.byClient && BY_FAMILY), ...whomItMeets(from) };
}

/**
 * A headless Service's port: connections go to the very pod that they were meant for, whatever its state, as they would
 * without a mesh. Nothing is balanced or checked.
 */
export function directCluster(name: string, from: OutboundCluster): JsonObject {
  const {
    load_balancing_policy: _policy,
    common_lb_config: _lb,
    health_checks: _checks,
    outlier_detection: _outliers,
    ...rest
  } = common(name, from);
  return { ...rest, lb_policy: "RANDOM", ...byAddress(from.byClient === true), ...whomItMeets(from) };
}

function whomItMeets({ auto, allCaptured, identities, destination }: OutboundCluster): JsonObject {
  const options = httpOptions(destination, auto, allCaptured);
  return {
    ...(options && { typed_extension_protocol_options: options }),
    ...(identities.length > 0 &&
      destination.tls === undefined && { transport_socket_matches: peerSocketMatches(identities) }),
  };
}

/** What is other than {@link clusterOf} has it. */
function httpOptions({ protocol }: Destination, auto: boolean, allCaptured: boolean): JsonObject | undefined {
  if (auto) return allCaptured ? PEERS.sameVersion : SAME_VERSION;
  return protocol === "http1" && allCaptured ? PEERS.http1 : undefined;
}

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

const ORIGINAL = { type: "ORIGINAL_DST", lb_policy: "CLUSTER_PROVIDED" } as const;

/** The clusters that every sidecar has beside those of Services. */
export function fixedClusters(): JsonObject[] {
  return [
    { name: CLUSTERS.passthrough, ...ORIGINAL, typed_extension_protocol_options: SAME_VERSION },
    { name: CLUSTERS.blackHole, type: "STATIC" },
  ];
}
