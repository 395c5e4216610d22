/** The floor of a sidecar's first configuration: an Envoy that finds all of it in its bootstrap. */
import type { JsonObject } from "../../src/envoy/proto/index.ts";
import { decode, encode } from "../../src/envoy/proto/index.ts";
import { type Resource, type ResourceKind, TYPE_URLS } from "../../src/envoy/resources.ts";

const BOOTSTRAP = "envoy.config.bootstrap.v3.Bootstrap";

/** A bootstrap, binary (`.pb`), with what would come over ADS; clusters hold their endpoints, listeners their routes. */
export function staticBootstrap(base: JsonObject, resources: readonly Resource[]): Uint8Array {
  const of = (kind: ResourceKind) =>
    resources.filter((one) => one.kind === kind).map((one) => decode(TYPE_URLS[kind], one.bytes));
  const endpoints = new Map(of("endpoint").map((one) => [one["cluster_name"], one]));
  const tables = new Map(of("route").map((one) => [one["name"], one]));
  const { dynamic_resources: _, ...rest } = base;
  const own = base["static_resources"] as { listeners: JsonObject[]; clusters: JsonObject[] };
  const clusters = of("cluster").map(({ eds_cluster_config: eds, ...cluster }) =>
    eds === undefined
      ? cluster
      : {
          ...cluster,
          type: "STATIC",
          load_assignment: endpoints.get(cluster["name"] as string) as JsonObject,
        },
  );
  const config = {
    ...rest,
    static_resources: {
      listeners: [...own.listeners, ...of("listener").map((one) => withTables(one, tables))],
      clusters: [...own.clusters, ...clusters],
      secrets: of("secret"),
    },
  };
  return encode(BOOTSTRAP, withoutSds(config) as JsonObject);
}

/** The tables that a listener names, in it. */
function withTables(listener: JsonObject, tables: ReadonlyMap<unknown, JsonObject>): JsonObject {
  return JSON.parse(JSON.stringify(listener), (_, value) => {
    const name = value?.rds?.route_config_name;
    if (name === undefined) return value;
    const { rds: _rds, ...manager } = value;
    return { ...manager, route_config: tables.get(name) };
  }) as JsonObject;
}

/** Secrets are in the bootstrap, and found there by their names. */
function withoutSds(config: unknown): unknown {
  return JSON.parse(JSON.stringify(config, (key, value) => (key === "sds_config" ? undefined : value)));
}
