/**
 * Envoy's configuration before xDS: who it is, where its control plane is, and the listeners for health and stats.
 * Those follow the same rule as listeners of data: one listener, an address of each family that the host has. Pure.
 */
import { familyOfText } from "../../ip/address.ts";
import type { Family } from "../../ip/family.ts";
import type { JsonObject } from "../proto/index.ts";
import { httpListener } from "./bootstrap-listeners.ts";
import { type XdsServer, xdsCluster } from "./bootstrap-xds.ts";

/** The ports of every proxy beside those of its listeners. */
export const PROXY_PORTS = { admin: 19000, stats: 19001, ready: 19003 } as const;

/**
 * `--component-log-level`: matchers over addresses and API keys are marked as unfinished in Envoy's API, and Envoy would
 * say so of each address and each key, in every update.
 */
export const QUIET_COMPONENTS = "misc:error";

/** What one Envoy is started with. */
export interface BootstrapOptions {
  readonly node: {
    readonly id: string;
    /** The proxy that it is one of: `namespace/name` of a Gateway. */
    readonly cluster: string;
    readonly metadata?: JsonObject;
    readonly locality?: { readonly region?: string; readonly zone?: string };
  };
  /** The families that the host has, the preferred one first; at least one. */
  readonly families: readonly Family[];
  /** Without one, Envoy serves nothing but its health and stats. */
  readonly xds?: XdsServer;
  /** Other ports, for several Envoys in one network namespace. */
  readonly ports?: { readonly admin: number; readonly stats: number; readonly ready: number };
  /** Marks all connections that Envoy makes (SO_MARK; needs CAP_NET_ADMIN), so that rules of the kernel know them. */
  readonly mark?: number;
  /** Statistics that Envoy does not keep: their names begin so, and the end of each of these is a dot. */
  readonly statsLeftOut?: readonly string[];
  /** Connections from clients that are taken at most at a time; health and stats do not count. Default 50,000. */
  readonly maxConnections?: number;
}

const LOOPBACK: Readonly<Record<Family, string>> = { IPv4: "127.0.0.1", IPv6: "::1" };
/** A proxy that has no configuration yet is not ready, however long that takes. */
const ADS = { ads: {}, resource_api_version: "V3", initial_fetch_timeout: "0s" };

/** The bootstrap message as JSON, for `envoy --config-yaml` or a file. Source: envoy.config.bootstrap.v3.Bootstrap. */
export function bootstrap(options: BootstrapOptions): JsonObject {
  const { node, families, xds, ports = PROXY_PORTS } = options;
  const admin = {
    socket_address: { address: LOOPBACK[families[0] ?? "IPv4"], port_value: ports.admin },
  };
  return {
    node: { ...node, metadata: { ...node.metadata, families: [...families] } },
    admin: { address: admin },
    ...(xds !== undefined && { dynamic_resources: dynamicResources(xds) }),
    ...(options.mark !== undefined && { cluster_manager: { upstream_bind_config: marking(options.mark) } }),
    static_resources: {
      listeners: [
        httpListener("tandem-ready", ports.ready, families, ["/ready"]),
        httpListener("tandem-stats", ports.stats, families, ["/stats/prometheus", "/stats"]),
      ],
      clusters: [adminCluster(admin), ...(xds === undefined ? [] : [xdsCluster(xds)])],
    },
    overload_manager: overloadManager(options.maxConnections ?? 50_000),
    layered_runtime: RUNTIME,
    ...(options.statsLeftOut && { stats_config: statsWithout(options.statsLeftOut) }),
  };
}

/**
 * By default Envoy refuses expressions of more than 100 instructions, and the whole route table with them; RE2 takes
 * time in proportion to its input whatever the expression. Source: envoy.type.matcher.v3.RegexMatcher.GoogleRE2.
 *
 * By default each 5 spans are an export of their own, and a line of the log where the collector does not take them: 512
 * is the batch of OpenTelemetry's own exporters, and after 5 s those go that are there. Source: OpenTelemetry's
 * specification, Batching processor, maxExportBatchSize.
 */
export const RUNTIME: JsonObject = {
  layers: [
    {
      name: "tandem",
      static_layer: {
        "re2.max_program_size.error_level": 4_294_967_295,
        "re2.max_program_size.warn_level": 4_294_967_295,
        "tracing.opentelemetry.min_flush_spans": 512,
      },
    },
  ],
};

/** Source: socket(7), SO_MARK. */
function marking(mark: number): JsonObject {
  return { socket_options: [{ level: 1, name: 36, int_value: mark, state: "STATE_PREBIND" }] };
}

/** The only client of a unix socket need not spare its server: it asks again every second, not after up to half a minute. */
const OFTEN: JsonObject = { retry_back_off: { base_interval: "0.2s", max_interval: "1s" } };

function dynamicResources(xds: XdsServer): JsonObject {
  const retry = "path" in xds && { retry_policy: OFTEN };
  return {
    ads_config: {
      api_type: "DELTA_GRPC",
      transport_api_version: "V3",
      set_node_on_first_message_only: true,
      grpc_services: [{ envoy_grpc: { cluster_name: "tandem-xds", ...retry } }],
    },
    lds_config: ADS,
    cds_config: ADS,
  };
}

/** Prefixes that end with a dot are told without making the name first. Source: envoy.config.metrics.v3.StatsMatcher. */
function statsWithout(prefixes: readonly string[]): JsonObject {
  return {
    stats_matcher: { exclusion_list: { patterns: prefixes.map((prefix) => ({ prefix })) } },
  };
}

function adminCluster(admin: JsonObject): JsonObject {
  return {
    name: "tandem-admin",
    type: "STATIC",
    connect_timeout: "1s",
    load_assignment: {
      cluster_name: "tandem-admin",
      endpoints: [{ lb_endpoints: [{ endpoint: { address: admin } }] }],
    },
  };
}

/** Source: https://www.envoyproxy.io/docs/envoy/v1.40.0/configuration/best_practices/edge. */
function overloadManager(connections: number): JsonObject {
  const type =
    "type.googleapis.com/envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig";
  return {
    resource_monitors: [
      {
        name: "envoy.resource_monitors.global_downstream_max_connections",
        typed_config: { "@type": type, max_active_downstream_connections: connections },
      },
    ],
  };
}

/** The families of a pod or node with these addresses, in their order: `podIPs`, comma-separated, is read as it is. */
export function familiesOfAddresses(addresses: readonly string[]): Family[] {
  const families = addresses
    .map((text) => familyOfText(text.trim()))
    .filter((family) => family !== undefined);
  return [...new Set(families)];
}
