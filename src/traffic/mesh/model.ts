/**
 * What sidecars do with traffic, in terms of no API. A Service exists once for all sidecars (`MeshService`), a sidecar
 * adds what is its own: where it stands, what it lets in. Plain data that never changes once made, so that parts can be
 * compared by identity.
 */
import type { Family, PerFamily } from "../../ip/family.ts";
import type { Destination, Origin, RouteRule, TrustBundle } from "../gateway/model.ts";

/** How bytes of a port are understood. `auto`: looked at when they come (HTTP or not); `tls`: passed by server name. */
export type MeshProtocol = "http" | "http2" | "grpc" | "tls" | "tcp" | "auto";

/** All of a mesh. Maps are live views: read them at once and keep single entries. */
export interface MeshModel {
  /** By `namespace/pod`. */
  readonly sidecars: ReadonlyMap<string, Sidecar>;
  /** By `namespace/name` of the Service: the same for every sidecar. */
  readonly services: ReadonlyMap<string, MeshService>;
  /**
   * Destinations by their keys, those of plain Services and those that routes name. A key is the name of the cluster in
   * sidecars: `outbound|PORT|VARIANT|HOSTNAME`.
   */
  readonly destinations: ReadonlyMap<string, Destination>;
  readonly trust: ReadonlyMap<string, TrustBundle>;
  /** Who answers for a backend's pod, where that has a sidecar: connections to it are mutual TLS. */
  peerOf(pod: string): Peer | undefined;
}

/** The sidecar of a pod, as those who call the pod see it. */
export interface Peer {
  /** `spiffe://cluster.local/ns/NAMESPACE/sa/ACCOUNT`. */
  readonly identity: string;
  /** Its ports that take no mutual TLS; `all`: none does but for `mutualPorts`. */
  readonly plainPorts?: readonly number[] | "all";
  readonly mutualPorts?: readonly number[];
  /** Its ports that capture leaves out: connections to them go past the sidecar. */
  readonly uncapturedPorts?: readonly number[];
}

/** One pod's proxy. */
export interface Sidecar {
  /** `namespace/pod`. */
  readonly key: string;
  readonly identity: string;
  /** Ports that capture leaves out. */
  readonly uncapturedPorts?: readonly number[];
  /** The pod's addresses; the proxy listens and connects over these families. */
  readonly addresses: PerFamily<string>;
  /** The pod's families, the primary one first. */
  readonly families: readonly Family[];
  readonly zone?: string;
  /** The pod's node. */
  readonly node?: string;
  /** Ports that Services send to this pod, or that its containers declare. Others are passed on as bytes. */
  readonly inbound: readonly InboundPort[];
  /** Which callers may come without mutual TLS: `permissive` all, `strict` none; `disabled` takes plain bytes only. */
  readonly mutualTls: "permissive" | "strict" | "disabled";
  /** Exceptions of single ports. */
  readonly portMutualTls: Readonly<Record<number, Sidecar["mutualTls"]>>;
  /** Deny rules first, then, if there is any allow rule, one must match. */
  readonly authorization: readonly AuthorizationRule[];
  /** What happens to connections to nobody we know. */
  readonly unknownOutbound: "passthrough" | "blocked";
  /** Prefers the family over which a request came in for what the pod asks in turn. */
  readonly preferClientFamily: boolean;
  /** The MeshPolicies that hold for it, `namespace/name`, the nearest first; absent: none. */
  readonly policies?: readonly string[];
  /** What is told of its traffic; absent: nothing. */
  readonly telemetry?: Telemetry;
}

/** What a sidecar tells of requests and connections; what is absent is off. */
export interface Telemetry {
  /** A line for each, or for each that failed. */
  readonly accessLog?: "all" | "failures";
  /** Counters by source, destination, response and family. */
  readonly metrics?: true;
  readonly tracing?: Tracing;
}

/** W3C trace context: passed on, and made where there is none. */
export interface Tracing {
  /** Who gets spans, over OTLP; absent: nobody. */
  readonly collector?: {
    readonly host: string;
    readonly port: number;
    readonly protocol: "grpc" | "http";
  };
  /** How many of a million traces that begin here are sampled. */
  readonly sampling: number;
}

/** A port of a pod that Services send to, or that its containers declare. */
export interface InboundPort {
  /** The port that the application listens on. */
  readonly port: number;
  readonly protocol: MeshProtocol;
}

/** A rule on who may ask a sidecar for what: it holds where one of its callers makes one of its requests. */
export interface AuthorizationRule {
  readonly name: string;
  readonly action: "allow" | "deny";
  /** Any of these callers; empty: anybody. */
  readonly from: readonly Caller[];
  /** Any of these requests; empty: all. */
  readonly to: readonly RequestMatch[];
  readonly origin: Origin;
}

/** All that is given must hold; in a list any value may (none is empty). `*` at an end matches the rest. */
export interface Caller {
  readonly identities?: readonly string[];
  readonly namespaces?: readonly string[];
  /** Of both families in one list. */
  readonly cidrs?: readonly string[];
  readonly notCidrs?: readonly string[];
}

/** What a request must be like; to be read as {@link Caller}. */
export interface RequestMatch {
  readonly ports?: readonly number[];
  readonly methods?: readonly string[];
  readonly paths?: readonly string[];
  readonly hosts?: readonly string[];
}

/** A Service as sidecars see it: one name, an address per family, its ports. */
export interface MeshService {
  /** `namespace/name`, also the key of its Frontend in the traffic model. */
  readonly key: string;
  /** `name`, `name.ns`, `name.ns.svc`, `name.ns.svc.cluster.local`; the first alone is only known in its namespace. */
  readonly hostnames: readonly string[];
  readonly kind: "virtual" | "headless" | "alias";
  readonly families: readonly Family[];
  readonly addresses: PerFamily<string>;
  readonly ports: readonly MeshPort[];
}

/** One port of a Service as sidecars see it. */
export interface MeshPort {
  readonly name: string;
  readonly port: number;
  readonly protocol: MeshProtocol;
  /** Key in MeshModel.destinations, where keys are the names that istioctl's users know: `outbound|80||name.ns.svc.cluster.local`. */
  readonly destination: string;
  /** Rules of HTTPRoutes and GRPCRoutes that have this Service (port) as a parent, in the order tried; absent: none attached. */
  readonly rules?: readonly RouteRule[];
  /** The same for callers in a namespace with routes of its own to this Service, instead of `rules` (GEP-1426). */
  readonly consumerRules?: Readonly<Record<string, readonly RouteRule[]>>;
}
