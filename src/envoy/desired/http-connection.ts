/** How HTTP is spoken with clients. */
import type { ClientPolicy } from "../../traffic/gateway/policy-model.ts";
import type { JsonObject } from "../proto/index.ts";
import { accessLogs } from "./access-log.ts";
import { httpFilters } from "./http-filters.ts";
import { duration, extension, OVER_ADS } from "./names.ts";

/**
 * The HttpConnectionManager of a chain: HTTP/1.1 and HTTP/2 (with or without TLS), routes of one table, WebSockets.
 * What clients claim about themselves in `X-Forwarded-Client-Cert` is dropped (SANITIZE, Envoy's default).
 */
export function connectionManager(routeTable: string, statPrefix: string, policy: ClientPolicy): JsonObject {
  return extension(
    "envoy.filters.network.http_connection_manager",
    "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
    {
      stat_prefix: statPrefix,
      rds: { config_source: OVER_ADS, route_config_name: routeTable },
      http_filters: httpFilters(policy),
      ...protocols(policy),
      ...timeouts(policy),
      ...clientAddress(policy.clientAddress),
      access_log: accessLogs(policy.accessLog),
    },
  );
}

const ESCAPED_SLASHES = {
  keep: "KEEP_UNCHANGED",
  reject: "REJECT_REQUEST",
  forward: "UNESCAPE_AND_FORWARD",
  redirect: "UNESCAPE_AND_REDIRECT",
} as const;

function protocols({ pathNormalization, mergeSlashes, escapedSlashes }: ClientPolicy): JsonObject {
  return {
    http2_protocol_options: {
      max_concurrent_streams: 100,
      initial_stream_window_size: 65_536,
      initial_connection_window_size: 1_048_576,
      // WebSockets over HTTP/2 (RFC 8441).
      allow_connect: true,
    },
    upgrade_configs: [{ upgrade_type: "websocket" }],
    server_header_transformation: "PASS_THROUGH",
    normalize_path: pathNormalization ?? true,
    // `//admin` is what a backend takes for `/admin`, so that it must not pass a policy of that path by.
    merge_slashes: mergeSlashes ?? pathNormalization ?? true,
    path_with_escaped_slashes_action: ESCAPED_SLASHES[escapedSlashes ?? "keep"],
    // `shop.example.` is the same host, said in full (RFC 1034, 3.1).
    strip_trailing_host_dot: true,
  };
}

function timeouts({ requestReceivedTimeout, idleTimeout }: ClientPolicy): JsonObject {
  return {
    request_headers_timeout: "10s",
    ...(requestReceivedTimeout !== undefined && { request_timeout: duration(requestReceivedTimeout) }),
    ...(idleTimeout !== undefined && {
      common_http_protocol_options: { idle_timeout: duration(idleTimeout) },
    }),
  };
}

/** Whose address counts as the client's: the peer's, one from `X-Forwarded-For`, or one from a header. */
function clientAddress(policy: ClientPolicy["clientAddress"] = {}): JsonObject {
  if (policy.header !== undefined) {
    const detection = extension(
      "envoy.http.original_ip_detection.custom_header",
      "envoy.extensions.http.original_ip_detection.custom_header.v3.CustomHeaderConfig",
      { header_name: policy.header, allow_extension_to_set_address_as_trusted: true },
    );
    return { use_remote_address: false, original_ip_detection_extensions: [detection] };
  }
  return {
    use_remote_address: true,
    ...(policy.trustedHops && { xff_num_trusted_hops: policy.trustedHops }),
  };
}
