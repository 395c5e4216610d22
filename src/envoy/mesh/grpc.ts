/**
 * gRPC clients without a proxy, which speak xDS themselves: `xds:///name.ns.svc.cluster.local:80` asks for a listener of
 * that name, and goes on to its route table, cluster and endpoints. Source: gRFC A27, A28, A61 (addresses of both
 * families of one endpoint).
 */
import type { MeshPort, MeshService } from "../../traffic/mesh/model.ts";
import type { Target } from "../desired/endpoints.ts";
import { lbEndpoints } from "../desired/endpoints.ts";
import { any, extension, OVER_ADS } from "../desired/names.ts";
import { encode, type JsonObject } from "../proto/index.ts";
import { type Resource, TYPE_URLS } from "../resources.ts";

/** The name that a client asks for, without its `xds:///`. */
export function grpcTarget({ hostnames }: MeshService, { port }: MeshPort): string {
  return `${hostnames.at(-1)}:${port}`;
}

/** The listener of a target: not one that listens, but where the client's calls begin. */
export function apiListener(name: string, table: string): JsonObject {
  const manager = any("envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager", {
    stat_prefix: "grpc",
    rds: { config_source: OVER_ADS, route_config_name: table },
    http_filters: [extension("router", "envoy.extensions.filters.http.router.v3.Router")],
  });
  return { name, api_listener: { api_listener: manager } };
}

/** What a client gets that asks for nobody: its calls fail at once, until there is somebody. */
export function missingTarget(name: string): Resource {
  const manager = any("envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager", {
    stat_prefix: "grpc",
    route_config: { name, virtual_hosts: [{ name: "nobody", domains: ["*"] }] },
    http_filters: [extension("router", "envoy.extensions.filters.http.router.v3.Router")],
  });
  const listener = { name, api_listener: { api_listener: manager } };
  const bytes = encode(TYPE_URLS.listener, listener);
  return { kind: "listener", name, version: `nobody ${name}`, bytes };
}

/** All calls go to one cluster. */
export function grpcRoutes(name: string): JsonObject {
  return {
    name,
    virtual_hosts: [{ name, domains: ["*"], routes: [{ match: { prefix: "" }, route: { cluster: name } }] }],
  };
}

/** What of a cluster gRPC knows: it refuses policies of balancing other than these. */
export function grpcCluster(name: string): JsonObject {
  return { name, type: "EDS", eds_cluster_config: { eds_config: OVER_ADS }, lb_policy: "ROUND_ROBIN" };
}

/** A locality without a weight is not used, and an address that comes twice has the whole refused. */
export function grpcAssignment(name: string, targets: readonly Target[]): JsonObject {
  const seen = new Set<string>();
  const once = targets.filter(({ addresses, port }) => {
    const keys = addresses.map((address) => `${address} ${port}`);
    if (keys.some((key) => seen.has(key))) return false;
    for (const key of keys) seen.add(key);
    return true;
  });
  const zones = Map.groupBy(once, (target) => target.zone);
  const endpoints = [...zones].map(([zone, those]) => ({
    locality: { zone: zone ?? "" },
    load_balancing_weight: those.length,
    lb_endpoints: lbEndpoints(those, false, 1),
  }));
  return { cluster_name: name, endpoints };
}
