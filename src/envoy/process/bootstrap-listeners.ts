/** Listeners that let some paths of Envoy's admin interface be asked for from other machines. Pure. */
import type { Family } from "../../ip/family.ts";
import type { JsonObject } from "../proto/index.ts";

const WILDCARD: Readonly<Record<Family, string>> = { IPv4: "0.0.0.0", IPv6: "::" };
const EXTENSIONS = "type.googleapis.com/envoy.extensions.filters";

/** One listener for both families; all paths but the named ones are 404. */
export function httpListener(
  name: string,
  port: number,
  families: readonly Family[],
  paths: readonly string[],
): JsonObject {
  const [first, ...others] = families.map((family) => ({
    socket_address: { address: WILDCARD[family], port_value: port },
  }));
  return {
    name,
    address: first,
    ...(others.length > 0 && { additional_addresses: others.map((address) => ({ address })) }),
    // health must be told also while connections are limited
    ignore_global_conn_limit: true,
    bypass_overload_manager: true,
    filter_chains: [{ filters: [httpFilter(name, paths)] }],
  };
}

function httpFilter(name: string, paths: readonly string[]): JsonObject {
  const routes = paths.map((path) => ({
    match: { path, headers: [{ name: ":method", string_match: { exact: "GET" } }] },
    route: { cluster: "tandem-admin", timeout: "10s" },
  }));
  const router = { "@type": `${EXTENSIONS}.http.router.v3.Router` };
  return {
    name: "envoy.filters.network.http_connection_manager",
    typed_config: {
      "@type": `${EXTENSIONS}.network.http_connection_manager.v3.HttpConnectionManager`,
      stat_prefix: name,
      normalize_path: true,
      request_headers_timeout: "10s",
      common_http_protocol_options: { idle_timeout: "60s" },
      http_filters: [{ name: "envoy.filters.http.router", typed_config: router }],
      route_config: { name, virtual_hosts: [{ name, domains: ["*"], routes }] },
    },
  };
}
