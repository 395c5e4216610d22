/** How sidecars speak HTTP: nothing is added for or taken from those who speak. */
import { httpOptions, ONLY_HTTP1 } from "../desired/cluster.ts";
import { extension, OVER_ADS } from "../desired/names.ts";
import type { JsonObject } from "../proto/index.ts";

/** What an HttpConnectionManager of a sidecar is made of. */
export interface MeshHttp {
  readonly statPrefix: string;
  /** A table that comes by itself, or one of the listener's own. */
  readonly routes: { readonly table: string } | { readonly config: JsonObject };
  readonly filters: readonly JsonObject[];
  readonly more?: JsonObject;
}

/** The end of every chain of HTTP filters. */
export const ROUTER = extension("router", "envoy.extensions.filters.http.router.v3.Router", {
  suppress_envoy_headers: true,
});

/** An HttpConnectionManager: HTTP/1.1 and HTTP/2 as they come. Addresses of clients stay what others said of them. */
export function meshHttp({ statPrefix, routes, filters, more }: MeshHttp): JsonObject {
  return extension(
    "http",
    "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
    {
      stat_prefix: statPrefix,
      ...("table" in routes
        ? { rds: { config_source: OVER_ADS, route_config_name: routes.table } }
        : { route_config: routes.config }),
      http_filters: filters,
      http2_protocol_options: { allow_connect: true },
      upgrade_configs: [{ upgrade_type: "websocket" }],
      server_header_transformation: "PASS_THROUGH",
      skip_xff_append: true,
      // Streams of gRPC may be silent for long.
      stream_idle_timeout: "0s",
      ...more,
    },
  );
}

/** A table with one host for all names: everything goes to a cluster. `more`: further fields of its action. */
export function everythingTo(cluster: string, more: JsonObject = {}): JsonObject {
  return {
    virtual_hosts: [
      {
        name: "all",
        domains: ["*"],
        routes: [{ match: { prefix: "/" }, route: { cluster, timeout: "0s", ...more } }],
      },
    ],
  };
}

const AS_IT_CAME: JsonObject = {
  use_downstream_protocol_config: { http_protocol_options: {}, http2_protocol_options: {} },
};

/**
 * The HTTP version of a connection to a backend is that of the one that it came over. Idle connections go before a
 * server closes them (Node does after 5 s): a request that is sent on one at that moment would fail.
 */
export const SAME_VERSION: JsonObject = httpOptions(AS_IT_CAME, "4s");

const PEERS_IDLE = "60s";

/** The options where all backends have sidecars: these keep idle connections, and a new one costs a look, or a handshake. */
export const PEERS = {
  sameVersion: httpOptions(AS_IT_CAME, PEERS_IDLE),
  http1: httpOptions(ONLY_HTTP1, PEERS_IDLE),
} as const;

/** Tells TLS from other bytes, and its server name. */
export const TLS_INSPECTOR = extension(
  "tls",
  "envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector",
);

/** Tells HTTP from other bytes, and its version. */
export const HTTP_INSPECTOR = extension(
  "http",
  "envoy.extensions.filters.listener.http_inspector.v3.HttpInspector",
);

/** Gives a connection that capture has turned here the address that it was going to. */
export const ORIGINAL_DST = extension(
  "original_dst",
  "envoy.extensions.filters.listener.original_dst.v3.OriginalDst",
);

/** A client that waits for the server to speak first says nothing to look at: after this time it is taken for a stream. */
export const INSPECTION: JsonObject = {
  listener_filters_timeout: "1s",
  continue_on_listener_filters_timeout: true,
};

/** Names of HTTP versions where there is no TLS to say them. */
export const PLAIN_HTTP: readonly string[] = ["http/1.0", "http/1.1", "h2c"];
