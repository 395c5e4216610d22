/** Names and ports that sidecars have in common; those that istioctl's users know wherever there is one. */
import type { Family } from "../../ip/family.ts";
import type { JsonObject } from "../proto/index.ts";
import { socketAddress } from "../desired/names.ts";

/** Ports of a sidecar. Capture sends what leaves a pod to `outbound`, and what comes to `inbound`. */
export const SIDECAR_PORTS = {
  admin: 15000,
  outbound: 15001,
  inbound: 15006,
  ready: 15021,
  stats: 15090,
} as const;

/**
 * What Envoy's own statistics of all Services' clusters and listeners are called. A sidecar keeps none of them: they are
 * two thirds of the time that Envoy takes for its first configuration, and 30 KB of its memory each.
 */
export const OUTBOUND_STATS = "outbound";

/** The prefixes of these statistics, as a bootstrap leaves them out (`stats_matcher`). */
export const STATS_LEFT_OUT: readonly string[] = [
  `cluster.${OUTBOUND_STATS}.`,
  `listener.${OUTBOUND_STATS}.`,
];

/** Clusters that belong to no Service. */
export const CLUSTERS = {
  /** To wherever the connection was going. */
  passthrough: "PassthroughCluster",
  /** To nobody. */
  blackHole: "BlackHoleCluster",
  /** To the pod's own port that the connection was going to. */
  inboundPassthrough: "InboundPassthroughCluster",
} as const;

/** The secret with the workload's own certificate, and that with the authorities of the mesh. */
export const SECRETS = { workload: "workload", authorities: "ca" } as const;

/** The server name that sidecars ask each other for: it tells the mesh's TLS from an application's own. */
export const MESH_SERVER_NAME = "mesh.tandem.dev";

/**
 * The header by which requests find their virtual host: `HOST|ADDRESS`, the host that a request names and the address
 * that it was sent to. It is the sidecar's own: it is set on every request, and never passed on.
 */
export const DESTINATION_HEADER = "x-tandem-destination";

/** Addresses that a sidecar connects to its own application from, so that capture leaves these connections alone. */
export const INBOUND_SOURCES: Readonly<Record<Family, string>> = { IPv4: "127.0.0.6", IPv6: "::6" };

const WILDCARDS: Readonly<Record<Family, string>> = { IPv4: "0.0.0.0", IPv6: "::" };

/** The cluster of a port of the pod itself. */
export function inboundCluster(port: number): string {
  return `inbound|${port}||`;
}

/** The cluster by which single backends of a destination are reached: `outbound|80||a.b` → `outbound|80|direct|a.b`. */
export function directOf(destination: string): string {
  return destination.replace("||", "|direct|");
}

/** The fields of a listener that say where it is: one listener, an address of each family. */
export function listenerAddresses([first, ...others]: readonly JsonObject[]): JsonObject {
  return {
    address: first,
    ...(others.length > 0 && { additional_addresses: others.map((address) => ({ address })) }),
  };
}

/** The wildcard address of each family with a port. */
export function wildcards(families: readonly Family[], port: number): JsonObject[] {
  return families.map((family) => socketAddress(WILDCARDS[family], port));
}

/** The name of the listener for a port of any address: `0.0.0.0_80`. */
export function wildcardName(families: readonly Family[], port: number): string {
  return `${WILDCARDS[families[0] ?? "IPv4"]}_${port}`;
}

/** A socket option by which capture knows connections of the sidecar. Source: socket(7), SO_MARK. */
export function markOption(mark: number): JsonObject {
  return { level: 1, name: 36, int_value: mark, state: "STATE_PREBIND" };
}
