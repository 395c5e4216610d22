/** xDS resources as the rest of this room passes them on: bytes with a name, a version, and what they depend on. */

/** The kinds of resources, in the order in which additions are sent (facts of Envoy's make-before-break). */
export const RESOURCE_KINDS = [
  "cluster",
  "endpoint",
  "secret",
  "filter",
  "listener",
  "route",
  "virtualHost",
] as const;
/** A kind of xDS resources. */
export type ResourceKind = (typeof RESOURCE_KINDS)[number];

/** The type URL of each kind. Source: https://www.envoyproxy.io/docs/envoy/v1.40.0/api-docs/xds_protocol. */
export const TYPE_URLS: Readonly<Record<ResourceKind, string>> = {
  cluster: "type.googleapis.com/envoy.config.cluster.v3.Cluster",
  endpoint: "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment",
  secret: "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret",
  /** HTTP filters by name (ECDS). */
  filter: "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig",
  listener: "type.googleapis.com/envoy.config.listener.v3.Listener",
  route: "type.googleapis.com/envoy.config.route.v3.RouteConfiguration",
  virtualHost: "type.googleapis.com/envoy.config.route.v3.VirtualHost",
};

/** The name of a virtual host of a route table; the message's own name has to be the same (Envoy removes by it). */
export function virtualHostName(table: string, host: string): string {
  return `${table}/${host}`;
}

/** The route table that a virtual host belongs to: all before the last slash, as Envoy reads it (WatchMap). */
export function tableOfHost(virtualHost: string): string {
  return virtualHost.slice(0, Math.max(0, virtualHost.lastIndexOf("/")));
}

/** An object that a resource came from, `Kind/namespace/name` (and `#part`): where a rejection is reported. */
export type OriginRef = string;

/** One resource of one proxy. Never changed once made. */
export interface Resource {
  readonly kind: ResourceKind;
  /** Of virtual hosts `<route table>/<host>`, see {@link tableOfHost}. */
  readonly name: string;
  /** Changes exactly when the bytes do: a hash of them. */
  readonly version: string;
  /** The encoded message, without its Any. */
  readonly bytes: Uint8Array;
  /** Clusters that must be in force in the proxy before this is sent (routes and listeners name them). */
  readonly needsClusters?: readonly string[];
  /** Route tables that this names (listeners), or certificates: for finding what is no longer used. */
  readonly needsRoutes?: readonly string[];
  /** Of filters: what routes may name of them. */
  readonly parts?: readonly string[];
  /** Of virtual hosts: what they name of filters. */
  readonly needsParts?: readonly string[];
  /** Of route tables: their virtual hosts are resources of their own (VHDS). */
  readonly hostsApart?: boolean;
  readonly origins?: readonly OriginRef[];
}

/** A change of what one proxy is to have: `undefined` removes. */
export interface ResourceChange {
  readonly kind: ResourceKind;
  readonly name: string;
  readonly resource?: Resource;
}
