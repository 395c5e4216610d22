/** Destinations as clusters. Nothing here depends on backends: these come as endpoints, without a change of the cluster. */
import type { Family } from "../../ip/family.ts";
import type { Destination, HostTarget } from "../../traffic/gateway/model.ts";
import type { JsonObject } from "../proto/index.ts";
import { CHECK_SOCKET, healthChecks, outlierDetection } from "./health.ts";
import { loadBalancing } from "./load-balancing.ts";
import { any, duration, OVER_ADS, socketAddress, tcpKeepalive } from "./names.ts";
import { checkSocket, upstreamSocket } from "./upstream-tls.ts";

const CONNECT_TIMEOUT_MS = 5_000;
const BUFFER_LIMIT = 32_768;
/** Envoy's own 1024 is less than a gateway has to carry; who wants a limit sets one. */
const GENEROUS = 65_536;

/**
 * A connection whose bytes nobody acknowledges for so long (ms) is given up (TCP_USER_TIMEOUT, tcp(7)): when a backend
 * loses a family in silence, those over it would else hold requests for minutes, and new ones go over the other. It
 * must not be shorter than a backend may stop reading a large upload: Linux counts a closed window as well. Streams
 * have no retries, and consumers that pause: there it is no more than an end to hanging.
 */
const UNACKNOWLEDGED_MS = { request: 2_000, stream: 15_000 } as const;
/** Idle connections of a lost family are found before requests are sent on them. Seconds. */
const KEEPALIVE: JsonObject = { keepalive_probes: 2, keepalive_time: 1, keepalive_interval: 1 };

function userTimeout({ protocol, policy }: Destination): JsonObject {
  const byDefault = UNACKNOWLEDGED_MS[protocol === "stream" ? "stream" : "request"];
  return {
    description: "TCP_USER_TIMEOUT",
    level: 6,
    name: 18,
    int_value: policy?.unacknowledgedTimeout ?? byDefault,
    state: "STATE_PREBIND",
  };
}

/** What a cluster is made from: a destination, under its own name or as one part of several (see udp-split.ts). */
export interface ClusterOptions {
  readonly name: string;
  /** Families of the proxy's host. */
  readonly families: readonly Family[];
  /** Parts have weights of their own. */
  readonly weighted?: boolean;
}

/** A destination as Envoy's Cluster. */
export function clusterOf(destination: Destination, options: ClusterOptions): JsonObject {
  const { policy = {}, protocol } = destination;
  const socket = upstreamSocket(destination);
  const checked = checkSocket(destination);
  const connection = connectionOptions(destination);
  return {
    name: options.name,
    ...discovery(destination, options),
    connect_timeout: duration(policy.connectTimeout ?? CONNECT_TIMEOUT_MS),
    ...(protocol !== "udp" && { upstream_bind_config: { socket_options: [userTimeout(destination)] } }),
    per_connection_buffer_limit_bytes: policy.bufferLimit ?? BUFFER_LIMIT,
    ...loadBalancing(policy, options.weighted ?? false),
    circuit_breakers: circuitBreakers(destination),
    // A backend that is no longer listed gets nothing new, whatever its last health was.
    ignore_health_on_host_removal: true,
    ...(socket && { transport_socket: socket }),
    ...(checked && {
      transport_socket_matches: [
        { name: CHECK_SOCKET, match: { [CHECK_SOCKET]: true }, transport_socket: checked },
      ],
    }),
    ...(connection && { upstream_connection_options: connection }),
    ...(protocol === "http2" && { typed_extension_protocol_options: HTTP2 }),
    ...(protocol === "http1" && { typed_extension_protocol_options: HTTP1 }),
    ...(policy.activeHealthCheck && { health_checks: healthChecks(policy.activeHealthCheck, destination) }),
    ...(policy.passiveHealthCheck && { outlier_detection: outlierDetection(policy.passiveHealthCheck) }),
  };
}

const HTTP_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";

/** A cluster's `typed_extension_protocol_options`: its HTTP version, and when connections that nobody needs go. */
export function httpOptions(version: JsonObject, idle?: string): JsonObject {
  const common = idle === undefined ? {} : { common_http_protocol_options: { idle_timeout: idle } };
  return { [HTTP_OPTIONS]: any(HTTP_OPTIONS, { ...common, ...version }) };
}

/** HTTP/1.1, for {@link httpOptions}. */
export const ONLY_HTTP1: JsonObject = { explicit_http_config: { http_protocol_options: {} } };
/** HTTP/2, which backends speak without asking. */
export const HTTP2: JsonObject = httpOptions({ explicit_http_config: { http2_protocol_options: {} } });

/** Before backends close them (Node does after 5 s), and before their family is lost: only those in use hold requests. */
const HTTP1 = httpOptions(ONLY_HTTP1, "4s");

/** Hosts by name are resolved by Envoy; all else comes as endpoints. */
function discovery(destination: Destination, { name, families }: ClusterOptions): JsonObject {
  const hosts = namedHosts(destination);
  if (hosts === undefined) return { type: "EDS", eds_cluster_config: { eds_config: OVER_ADS } };
  const single = hosts.length === 1;
  return {
    type: single ? "LOGICAL_DNS" : "STRICT_DNS",
    dns_lookup_family: lookupFamily(families, destination.preferFamily, single),
    load_assignment: {
      cluster_name: name,
      endpoints: [
        {
          lb_endpoints: hosts.map((host) => {
            const address = host.hostname ?? host.addresses?.[0] ?? "";
            return { endpoint: { address: socketAddress(address, host.port) } };
          }),
        },
      ],
    },
  };
}

/** The hosts of a destination when at least one of them is a name, which EDS cannot carry. */
export function namedHosts({ target }: Destination): readonly HostTarget[] | undefined {
  if (target.kind !== "hosts") return undefined;
  return target.hosts.some((host) => host.hostname !== undefined) ? target.hosts : undefined;
}

/**
 * One name: all its addresses are one host, and families are raced. Several names: Envoy makes a host of each address,
 * so that only one family of each name is taken, lest one with both counts twice.
 */
function lookupFamily(families: readonly Family[], prefer: Family | undefined, single: boolean): string {
  const [only] = families;
  if (families.length === 1) return only === "IPv4" ? "V4_ONLY" : "V6_ONLY";
  if (single) return "ALL";
  return prefer === "IPv4" ? "V4_PREFERRED" : "AUTO";
}

function circuitBreakers({ policy }: Destination): JsonObject {
  const { circuitBreaker = {} } = policy ?? {};
  return {
    thresholds: [
      {
        max_connections: circuitBreaker.maxConnections ?? GENEROUS,
        max_pending_requests: circuitBreaker.maxPendingRequests ?? GENEROUS,
        max_requests: circuitBreaker.maxRequests ?? GENEROUS,
        max_retries: circuitBreaker.maxRetries ?? GENEROUS,
      },
    ],
  };
}

/** The order of addresses already says which family goes first; only names need to be told. */
function connectionOptions(destination: Destination): JsonObject | undefined {
  const { policy, preferFamily, protocol } = destination;
  if (protocol === "udp") return undefined;
  return {
    tcp_keepalive: policy?.keepalive ? tcpKeepalive(policy.keepalive) : KEEPALIVE,
    ...(preferFamily && {
      happy_eyeballs_config: {
        first_address_family_version: preferFamily === "IPv4" ? "V4" : "V6",
        first_address_family_count: 1,
      },
    }),
  };
}
