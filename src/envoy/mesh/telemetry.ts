/**
 * Seeing traffic: access logs, counters and spans of sidecars. All is off unless a policy asks for it, and then said in
 * listeners, so that nothing is added per request route or cluster. Everything names the family of the client's
 * connection and that of the one to the backend: these may differ.
 *
 * `upstream.address` of CEL would be the first address of the backend, not the one that answered; the local address of
 * the connection is that of the family in use. The client's family is that of the address it connected to, which no
 * header can change.
 */
import { isIP } from "node:net";
import type { Family } from "../../ip/family.ts";
import type { Telemetry, Tracing } from "../../traffic/mesh/model.ts";
import { HTTP2 } from "../desired/cluster.ts";
import { any, extension, socketAddress } from "../desired/names.ts";
import { isJsonObject, type JsonObject } from "../proto/index.ts";
import { CLUSTERS } from "./names.ts";

/** On which side of a connection between sidecars this one is. */
export type Reporter = "source" | "destination";

const familyOf = (attribute: string): string => `%CEL(${attribute}.startsWith('[')?'IPv6':'IPv4')%`;
const SELF = "%CEL(xds.node.metadata.identity)%";
const PEER: Readonly<Record<Reporter, Readonly<Record<Reporter, string>>>> = {
  source: { source: SELF, destination: "%UPSTREAM_PEER_URI_SAN%" },
  destination: { source: "%DOWNSTREAM_PEER_URI_SAN%", destination: SELF },
};
const FAMILY_FIELDS = {
  source_family: familyOf("destination.address"),
  destination_family: familyOf("upstream.local_address"),
} as const;

/** Fields of an HttpConnectionManager; none where nothing is told. */
export function httpTelemetry(telemetry: Telemetry | undefined, reporter: Reporter): JsonObject {
  if (telemetry === undefined) return {};
  const { tracing } = telemetry;
  const logs = telemetryLogs(telemetry, reporter, "http");
  return {
    ...(logs && { access_log: logs }),
    ...(tracing && { tracing: tracingOf(tracing), request_id_extension: KEPT_REQUEST_ID }),
  };
}

/**
 * An id stays as it came: else Envoy writes into it why a request is traced, and the lines of the two sidecars, and what
 * the caller knows, differ in a digit.
 */
const KEPT_REQUEST_ID: JsonObject = {
  typed_config: any("envoy.extensions.request_id.uuid.v3.UuidRequestIdConfig", { pack_trace_reason: false }),
};

/** A TcpProxy that tells of its connections. */
export function streamTelemetry(
  filter: JsonObject,
  telemetry: Telemetry | undefined,
  reporter: Reporter,
): JsonObject {
  const logs = telemetry && telemetryLogs(telemetry, reporter, "stream");
  const config = filter["typed_config"];
  if (logs === undefined || !isJsonObject(config)) return filter;
  return { ...filter, typed_config: { ...config, access_log: logs } };
}

/** Fields of the listener of what comes in: it tells of those that are turned away as they come without mutual TLS. */
export function strangerTelemetry(telemetry: Telemetry | undefined): JsonObject {
  if (telemetry?.accessLog === undefined) return {};
  const line = lines(telemetry.accessLog, "destination", "stream");
  return { access_log: [{ ...line, filter: { response_flag_filter: { flags: ["NR"] } } }] };
}

function telemetryLogs(
  { accessLog, metrics }: Telemetry,
  reporter: Reporter,
  kind: "http" | "stream",
): readonly JsonObject[] | undefined {
  const logs = [
    ...(accessLog === undefined ? [] : [lines(accessLog, reporter, kind)]),
    ...(metrics ? [counters(reporter, kind)] : []),
  ];
  return logs.length > 0 ? logs : undefined;
}

function lines(which: "all" | "failures", reporter: Reporter, kind: "http" | "stream"): JsonObject {
  const fields = {
    time: "%START_TIME%",
    reporter,
    source: PEER[reporter].source,
    source_address: "%DOWNSTREAM_DIRECT_REMOTE_ADDRESS%",
    destination: PEER[reporter].destination,
    destination_address: "%UPSTREAM_REMOTE_ADDRESS%",
    ...FAMILY_FIELDS,
    cluster: "%UPSTREAM_CLUSTER_RAW%",
    flags: "%RESPONSE_FLAGS%",
    bytes_received: "%BYTES_RECEIVED%",
    bytes_sent: "%BYTES_SENT%",
    duration: "%DURATION%",
    ...(kind === "http" ? HTTP_FIELDS : STREAM_FIELDS),
  };
  return {
    ...(which === "failures" && { filter: kind === "http" ? FAILED_REQUEST : FAILED_CONNECTION }),
    ...extension("log", "envoy.extensions.access_loggers.stream.v3.StdoutAccessLog", {
      log_format: { json_format: fields },
    }),
  };
}

const HTTP_FIELDS = {
  protocol: "%PROTOCOL%",
  method: "%REQ(:METHOD)%",
  authority: "%REQ(:AUTHORITY)%",
  path: "%REQ(:PATH)%",
  response_code: "%RESPONSE_CODE%",
  response_code_details: "%RESPONSE_CODE_DETAILS%",
  grpc_status: "%GRPC_STATUS(SNAKE_STRING)%",
  route: "%ROUTE_NAME%",
  request_id: "%REQ(X-REQUEST-ID)%",
  trace_id: "%TRACE_ID%",
} as const;

/** Says which rule has refused a connection; flags do not. */
const STREAM_FIELDS = { termination: "%CONNECTION_TERMINATION_DETAILS%" } as const;

const FLAGGED: JsonObject = { response_flag_filter: {} };
const FAILED_CONNECTION: JsonObject = {
  or_filter: {
    filters: [
      FLAGGED,
      {
        extension_filter: extension(
          "cel",
          "envoy.extensions.access_loggers.filters.cel.v3.ExpressionFilter",
          {
            expression: "connection.termination_details != ''",
          },
        ),
      },
    ],
  },
};
/** A call of gRPC that fails is a request that is answered with 200; for what is no gRPC Envoy makes a status up. */
const FAILED_CALL: JsonObject = {
  extension_filter: extension("cel", "envoy.extensions.access_loggers.filters.cel.v3.ExpressionFilter", {
    expression: "request.headers['content-type'].startsWith('application/grpc') && response.grpc_status != 0",
  }),
};
const FAILED_REQUEST: JsonObject = {
  or_filter: {
    filters: [
      FLAGGED,
      FAILED_CALL,
      {
        status_code_filter: {
          comparison: { op: "GE", value: { default_value: 400, runtime_key: "tandem.failures" } },
        },
      },
    ],
  },
};

/**
 * Bounded, whatever labels come together. There is no `sharing_name`: Envoy 1.40 breaks down over it where it validates.
 */
const SCOPE: JsonObject = { prefix: "tandem", max_counters: 20_000, max_histograms: 5_000 };

/** What came of a request; of gRPC, whose calls fail with 200, the status, named as Istio does. */
const HTTP_TAGS = {
  response_code: "%RESPONSE_CODE%",
  grpc_response_status: "%GRPC_STATUS(NUMBER)%",
} as const;

/** Envoy's own counters know the destination, but neither who asks nor over which family. All labels are bounded. */
function counters(reporter: Reporter, kind: "http" | "stream"): JsonObject {
  const tags = {
    reporter,
    workload: "%CEL(xds.node.metadata.workload)%",
    source: PEER[reporter].source,
    destination: "%UPSTREAM_CLUSTER_RAW%",
    ...(kind === "http" ? HTTP_TAGS : STREAM_FIELDS),
    response_flags: "%RESPONSE_FLAGS%",
    ...FAMILY_FIELDS,
  };
  const stat = (name: string) => ({
    name,
    tags: Object.entries(tags).map(([tag, value]) => ({ name: tag, value_format: value })),
  });
  const requests = {
    counters: [{ stat: stat("requests"), value_fixed: 1 }],
    histograms: [{ stat: stat("request_duration"), unit: "Milliseconds", value_format: "%DURATION%" }],
  };
  return extension("stats", "envoy.extensions.access_loggers.stats.v3.Config", {
    stats_scope: SCOPE,
    ...(kind === "http" ? requests : { counters: [{ stat: stat("connections"), value_fixed: 1 }] }),
  });
}

/** Who began a trace has decided whether it is sampled; where a name has to stand for nobody, nothing is sent. */
function tracingOf({ collector, sampling }: Tracing): JsonObject {
  const cluster = collector === undefined ? CLUSTERS.blackHole : collectorCluster(collector);
  const sampler = extension("parent", `${SAMPLERS}.ParentBasedSamplerConfig`, {
    wrapped_sampler: extension("ratio", `${SAMPLERS}.TraceIdRatioBasedSamplerConfig`, {
      sampling_percentage: { numerator: sampling, denominator: "MILLION" },
    }),
  });
  return {
    provider: extension("envoy.tracers.opentelemetry", "envoy.config.trace.v3.OpenTelemetryConfig", {
      ...(collector?.protocol === "grpc"
        ? {
            grpc_service: {
              envoy_grpc: { cluster_name: cluster, authority: authorityOf(collector) },
              timeout: EXPORT_TIMEOUT,
            },
          }
        : { http_service: { http_uri: { uri: uriOf(collector), cluster, timeout: EXPORT_TIMEOUT } } }),
      resource_detectors: [extension("environment", RESOURCE_DETECTOR)],
      sampler,
    }),
    custom_tags: Object.entries(FAMILY_FIELDS).map(([name, value]) => ({
      tag: `tandem.${name}`,
      value,
    })),
  };
}

const EXPORT_TIMEOUT = "5s";
const SAMPLERS = "envoy.extensions.tracers.opentelemetry.samplers.v3";
const RESOURCE_DETECTOR =
  "envoy.extensions.tracers.opentelemetry.resource_detectors.v3.EnvironmentResourceDetectorConfig";

type Collector = NonNullable<Tracing["collector"]>;

function authorityOf({ host, port }: Collector): string {
  return `${isIP(host) === 6 ? `[${host}]` : host}:${port}`;
}

/** Source: the OpenTelemetry protocol's specification, OTLP/HTTP. */
function uriOf(collector: Collector | undefined): string {
  return `http://${collector === undefined ? "nobody" : authorityOf(collector)}/v1/traces`;
}

/** Names of the clusters that listeners send spans to; none without a collector. */
export function collectorClusters(telemetry: Telemetry | undefined): string[] {
  const collector = telemetry?.tracing?.collector;
  return collector === undefined ? [] : [collectorCluster(collector)];
}

function collectorCluster(collector: Collector): string {
  return `tracing|${collector.protocol}|${authorityOf(collector)}`;
}

/** The cluster of a collector: by name with its addresses of all families, which are raced, or at one address. */
export function tracingClusters(telemetry: Telemetry | undefined, families: readonly Family[]): JsonObject[] {
  const collector = telemetry?.tracing?.collector;
  if (collector === undefined) return [];
  const { host, port, protocol } = collector;
  const name = collectorCluster(collector);
  const only = families.length === 1 ? families[0] : undefined;
  const lookup = only === undefined ? "ALL" : only === "IPv4" ? "V4_ONLY" : "V6_ONLY";
  return [
    {
      name,
      ...(isIP(host) > 0 ? { type: "STATIC" } : { type: "LOGICAL_DNS", dns_lookup_family: lookup }),
      connect_timeout: "2s",
      load_assignment: {
        cluster_name: name,
        endpoints: [{ lb_endpoints: [{ endpoint: { address: socketAddress(host, port) } }] }],
      },
      ...(protocol === "grpc" && { typed_extension_protocol_options: HTTP2 }),
    },
  ];
}
