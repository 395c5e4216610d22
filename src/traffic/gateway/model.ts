/**
 * What one proxy (a Gateway; later a sidecar or a balancer) does with traffic, in terms of no API: listeners, what they
 * tell connections apart by, routes, destinations. The Gateway translator makes it of objects, the envoy room turns it
 * into xDS resources. Everything is plain data that never changes once made, so that parts can be compared by identity.
 */
import type { Family, PerFamily } from "../../ip/family.ts";
import type { ClientPolicy, DestinationPolicy, RoutePolicy, TokenPolicy } from "./policy-model.ts";

/** The object (and part of it) that something came from: where a rejection by the proxy is to be reported. */
export interface Origin {
  readonly kind: string;
  /** `namespace/name`. */
  readonly key: string;
  /** For example a listener's or a rule's name. */
  readonly part?: string;
}

/** All that one proxy is to do. */
export interface ProxyModel {
  /** `namespace/name` of the Gateway. */
  readonly key: string;
  /** Families asked for, the preferred one first. What the proxy's host cannot do is left out by the output. */
  readonly families: readonly Family[];
  readonly listeners: readonly ProxyListener[];
  /** Route tables by name; listeners name them. */
  readonly routeTables: ReadonlyMap<string, RouteTable>;
  /** Destinations by their keys; routes name them. */
  readonly destinations: ReadonlyMap<string, Destination>;
  readonly certificates: ReadonlyMap<string, Certificate>;
  readonly trust: ReadonlyMap<string, TrustBundle>;
  /** What tokens routes ask for, by the names that they call it; undefined: none do. */
  readonly tokens?: ReadonlyMap<string, TokenPolicy>;
}

/** One port of a proxy: both families, all hostnames. */
export interface ProxyListener {
  /** Unique in the proxy: `tcp-443`, `udp-53`. */
  readonly name: string;
  readonly transport: "TCP" | "UDP";
  /** The port that clients dial. */
  readonly port: number;
  /** The port that the proxy listens on: 10000 more below 1024, as it runs without privileges. */
  readonly bindPort: number;
  /** Listens on these addresses, each by itself, instead of on all that the proxy's host has (a load balancer). */
  readonly addresses?: PerFamily<string>;
  /** How a connection is told apart, by SNI; the most specific name wins. */
  readonly chains: readonly ListenerChain[];
  readonly policy?: ClientPolicy;
  readonly origins: readonly Origin[];
}

/** What is done with the connections of one or several server names. */
export interface ListenerChain {
  /** Unique in the listener; the Gateway listener's name (several may share one HTTP chain: `http`). */
  readonly name: string;
  /** Server names (SNI), `*.example.com` included; empty: any, and connections without TLS. */
  readonly serverNames: readonly string[];
  /** Ends TLS with these; without it bytes pass as they are (for `stream` with server names: TLS passthrough). */
  readonly tls?: ServerTls;
  readonly serve:
    | { readonly kind: "http" /** Name in ProxyModel.routeTables. */; readonly routeTable: string }
    | { readonly kind: "stream"; readonly forward: Forward }
    /** Accept and close: a listener without a (valid) route. */
    | { readonly kind: "close" };
  readonly policy?: ClientPolicy;
  readonly origins: readonly Origin[];
}

/** How a chain ends TLS. */
export interface ServerTls {
  /** Names in ProxyModel.certificates; the first that fits the server name is shown. */
  readonly certificates: readonly string[];
  /** ALPN, best first; default `h2`, `http/1.1` for http. */
  readonly alpn?: readonly string[];
  readonly minVersion?: string;
  readonly maxVersion?: string;
  readonly ciphers?: readonly string[];
  /** Asks clients for certificates signed by this bundle (name in ProxyModel.trust). */
  readonly clientTrust?: string;
  /** Lets clients in that show none, or one that is not valid (`AllowInsecureFallback`). */
  readonly clientCertificateOptional?: boolean;
}

/** A server certificate: PEM texts. */
export interface Certificate {
  readonly name: string;
  readonly certificate: string;
  readonly privateKey: string;
  readonly origins: readonly Origin[];
}

/** Certificate authorities that are trusted for something: PEM text, or those of the proxy's system. */
export interface TrustBundle {
  readonly name: string;
  readonly certificates: string | "system";
  readonly origins: readonly Origin[];
}

/** A set of virtual hosts: what Envoy calls a RouteConfiguration. */
export interface RouteTable {
  readonly name: string;
  /** Hostnames are unique in the table; `*` and `*.example.com` are possible. */
  readonly hosts: readonly VirtualHost[];
  /**
   * Answers 421 to requests whose host belongs to another chain of the same port (its hostnames), as they come when an
   * HTTP/2 client reuses a connection (GatewayHTTPSListenerDetectMisdirectedRequests).
   */
  readonly misdirected?: readonly string[];
}

/** The rules of one hostname in a table. */
export interface VirtualHost {
  readonly hostname: string;
  /** In the order in which they are tried (precedence of the Gateway API already applied). */
  readonly rules: readonly RouteRule[];
}

/** A match with what becomes of requests that it fits. */
export interface RouteRule {
  /** Unique and stable: `httproute/ns/name/rule/0/match/1`. */
  readonly name: string;
  readonly match: RouteMatch;
  readonly action: RouteAction;
  readonly requestHeaders?: HeaderChanges;
  readonly responseHeaders?: HeaderChanges;
  readonly policy?: RoutePolicy;
  readonly origin: Origin;
}

/** All that is there must hold. */
export interface RouteMatch {
  readonly path?: { readonly kind: "exact" | "prefix" | "regex"; readonly value: string };
  readonly method?: string;
  /** Names are lower case. */
  readonly headers?: readonly ValueMatch[];
  readonly query?: readonly ValueMatch[];
  /** gRPC calls only (content type). */
  readonly grpc?: boolean;
}

/** A header or a parameter that has to have a value. */
export interface ValueMatch {
  readonly name: string;
  readonly kind: "exact" | "regex";
  readonly value: string;
}

/** What becomes of a request. */
export type RouteAction =
  | { readonly kind: "forward"; readonly forward: Forward; readonly http: HttpForward }
  | { readonly kind: "redirect"; readonly redirect: Redirect }
  | { readonly kind: "answer"; readonly status: number; readonly body?: string };

/** Where to: by weights. A share without a valid backend is answered with 500 (http), or closed (stream). */
export interface Forward {
  readonly shares: readonly Share[];
}

/** One part of a forward, by its weight. */
export interface Share {
  readonly weight: number;
  /** Key in ProxyModel.destinations; undefined: the reference is not valid. */
  readonly destination?: string;
  readonly requestHeaders?: HeaderChanges;
  readonly responseHeaders?: HeaderChanges;
}

/** What HTTP adds to a forward. */
export interface HttpForward {
  readonly hostRewrite?: string;
  readonly pathRewrite?: PathRewrite;
  readonly mirrors: readonly Mirror[];
  /** Milliseconds; 0: none. Undefined: the proxy's default (none: Gateway API's default is up to us). */
  readonly requestTimeout?: number;
  readonly backendTimeout?: number;
  readonly websocket?: boolean;
}

/** A new path. */
export type PathRewrite =
  | { readonly kind: "full"; readonly value: string }
  /** Replaces the matched prefix. */
  | { readonly kind: "prefix"; readonly prefix: string; readonly value: string };

/** A copy of requests, whose answers nobody waits for. */
export interface Mirror {
  readonly destination: string;
  /** Of requests, as a fraction. */
  readonly numerator: number;
  readonly denominator: number;
}

/** Parts of the URL that a client is sent to; those that are not set stay. */
export interface Redirect {
  readonly scheme?: string;
  readonly hostname?: string;
  /** As it is to be in `Location`; what that is where a route names none is told by ruleOnListener. */
  readonly port?: number;
  readonly path?: PathRewrite;
  readonly status: 301 | 302 | 303 | 307 | 308;
}

/** Headers that are set, added and removed. */
export interface HeaderChanges {
  readonly set?: readonly { readonly name: string; readonly value: string }[];
  readonly add?: readonly { readonly name: string; readonly value: string }[];
  readonly remove?: readonly string[];
}

/**
 * A backend port with one way of speaking to it: what Envoy calls a cluster. Its endpoints are the backends of the
 * traffic model's frontend, looked up by the output; so a change of pods does not touch this.
 */
export interface Destination {
  /** `service/ns/name/8080`, with a suffix where policies make several of one backend. */
  readonly key: string;
  readonly target: /** Key of a Frontend, and its port number. */
    | { readonly kind: "frontend"; readonly frontend: string; readonly port: number }
    /** Addresses of either family, or names, written down in an object (a `Backend`). */
    | { readonly kind: "hosts"; readonly hosts: readonly HostTarget[] };
  readonly protocol: "http1" | "http2" | "stream" | "udp";
  readonly tls?: UpstreamTls;
  /** Which family is tried first; default: the order of the frontend's families. */
  readonly preferFamily?: Family;
  readonly policy?: DestinationPolicy;
  readonly origins: readonly Origin[];
}

/** One host: an address per family, or a DNS name. */
export interface HostTarget {
  readonly addresses?: readonly string[];
  readonly hostname?: string;
  readonly port: number;
  readonly zone?: string;
}

/** How a destination is spoken to by TLS. */
export interface UpstreamTls {
  /** The server name sent, and verified unless `subjectAltNames` says else. */
  readonly serverName: string;
  /** Name in ProxyModel.trust. */
  readonly trust: string;
  /** Takes whatever certificate is shown; `serverName` and `trust` do not count (as load balancers of AWS do). */
  readonly unverified?: boolean;
  readonly subjectAltNames?: readonly { readonly kind: "dns" | "uri"; readonly value: string }[];
  /** Name in ProxyModel.certificates, shown to the backend. */
  readonly clientCertificate?: string;
}
