import { createHash } from "node:crypto";
import { encode, type JsonObject } from "../../src/envoy/proto/index.ts";
import {
  type Resource,
  type ResourceChange,
  type ResourceKind,
  TYPE_URLS,
  virtualHostName,
} from "../../src/envoy/resources.ts";

const ADS = { ads: {}, resource_api_version: "V3" };

/** A resource around a message in JSON. */
export function resource(
  kind: ResourceKind,
  name: string,
  json: JsonObject,
  rest: Partial<Resource> = {},
): Resource {
  const bytes = encode(TYPE_URLS[kind], json);
  return {
    kind,
    name,
    bytes,
    version: createHash("sha256").update(bytes).digest("hex").slice(0, 16),
    ...rest,
  };
}

/** The changes that set these resources. */
export function changeTo(...resources: readonly Resource[]): ResourceChange[] {
  return resources.map((resource) => ({ kind: resource.kind, name: resource.name, resource }));
}

/** A cluster whose endpoints come over EDS. */
export function cluster(name: string, more: JsonObject = {}): Resource {
  const eds = { eds_config: ADS };
  return resource(
    "cluster",
    name,
    { name, type: "EDS", connect_timeout: "1s", eds_cluster_config: eds, ...more },
    { origins: [`Service/default/${name}`] },
  );
}

/** The endpoints of a cluster: one on the IPv4 loopback. */
export function endpoint(name: string, port: number): Resource {
  const address = { socket_address: { address: "127.0.0.1", port_value: port } };
  return resource("endpoint", name, {
    cluster_name: name,
    endpoints: [{ lb_endpoints: [{ endpoint: { address } }] }],
  });
}

/** An HTTP listener on the IPv4 loopback that takes its routes over RDS. */
export function listener(name: string, port: number, routeName: string, more: JsonObject = {}): Resource {
  const manager = {
    "@type":
      "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
    stat_prefix: name,
    rds: { route_config_name: routeName, config_source: ADS },
    http_filters: [
      {
        name: "router",
        typed_config: { "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router" },
      },
    ],
  };
  return resource(
    "listener",
    name,
    {
      name,
      address: { socket_address: { address: "127.0.0.1", port_value: port } },
      filter_chains: [{ filters: [{ name: "http", typed_config: manager }] }],
      ...more,
    },
    { needsRoutes: [routeName] },
  );
}

/** A route table whose virtual hosts come one by one. */
export function tableApart(name: string): Resource {
  return resource("route", name, { name, vhds: { config_source: ADS } }, { hostsApart: true });
}

/** A virtual host of a table that sends all to one cluster; `more` of a route may spoil it. */
export function virtualHost(
  table: string,
  hostname: string,
  cluster: string,
  more: JsonObject = {},
): Resource {
  const name = virtualHostName(table, hostname);
  const routes = [{ match: { prefix: "/" }, route: { cluster }, ...more }];
  const rest = { needsClusters: [cluster], origins: [`HTTPRoute/default/${hostname}`] };
  return resource("virtualHost", name, { name, domains: [hostname], routes }, rest);
}

/** A route table: path prefix to cluster. */
export function routes(name: string, table: Readonly<Record<string, string>>): Resource {
  const prefixes = Object.entries(table).map(([prefix, to]) => ({
    match: { prefix },
    route: { cluster: to },
  }));
  const virtualHosts = [{ name: "all", domains: ["*"], routes: prefixes }];
  return resource(
    "route",
    name,
    { name, virtual_hosts: virtualHosts },
    { needsClusters: [...new Set(Object.values(table))] },
  );
}
