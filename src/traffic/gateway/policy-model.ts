/** What traffic policies say, in terms of no API: for clients of a listener, for routes, for destinations. */

/** How a listener treats its clients. Times are in milliseconds, sizes in bytes. */
export interface ClientPolicy {
  /** Expect the PROXY protocol (v1 and v2), from these CIDRs of either family only; empty: from anybody. */
  readonly proxyProtocol?: { readonly optional: boolean; readonly trusted: readonly string[] };
  readonly clientAddress?: { readonly trustedHops?: number; readonly header?: string };
  readonly keepalive?: { readonly probes?: number; readonly idle?: number; readonly interval?: number };
  readonly requestReceivedTimeout?: number;
  readonly idleTimeout?: number;
  readonly connectionLimit?: number;
  /** CIDRs of either family that clients may come from: connections of others are closed, datagrams dropped. */
  readonly allowedSources?: readonly string[];
  readonly bufferLimit?: number;
  readonly accessLog?: AccessLog;
  readonly compression?: readonly ("gzip" | "brotli" | "zstd")[];
  readonly pathNormalization?: boolean;
  /** Slashes that follow each other in a path are one; as pathNormalization unless given. */
  readonly mergeSlashes?: boolean;
  /** What becomes of `%2F` and `%5C` in paths; keep unless given. */
  readonly escapedSlashes?: "keep" | "reject" | "forward" | "redirect";
}

/** What is written of each request or connection. */
export interface AccessLog {
  /** A line in Envoy's format language, or fields of one JSON object. */
  readonly format: { readonly text: string } | { readonly json: Readonly<Record<string, string>> };
}

/** What policies ask of the requests of one rule. */
export interface RoutePolicy {
  readonly retry?: RetryPolicy;
  readonly cors?: CorsPolicy;
  readonly rateLimits?: readonly RateLimit[];
  readonly sessionPersistence?: SessionPersistence;
  readonly idleTimeout?: number;
  /** CIDRs of either family that may, or may not, come in. */
  readonly allowedSources?: readonly string[];
  readonly deniedSources?: readonly string[];
  /** Who may come in by name and password (RFC 7617): lines of htpasswd with SHA-1. */
  readonly basicUsers?: string;
  readonly authorizer?: Authorizer;
  readonly apiKeys?: ApiKeys;
  /** Name in ProxyModel.tokens: the tokens that are asked for. */
  readonly tokens?: string;
  readonly access?: Access;
}

/** Who may come in by a key. */
export interface ApiKeys {
  /** Neither names nor keys are there twice. */
  readonly clients: readonly { readonly name: string; readonly key: string }[];
  /** Where a key is looked for; the first place that has one counts. */
  readonly from: readonly { readonly in: "header" | "query" | "cookie"; readonly name: string }[];
  /** The header that tells backends the client's name. */
  readonly clientHeader?: string;
  /** Backends do not get the key. */
  readonly hidden: boolean;
}

/** Tokens that requests must have (JWT, RFC 7519). */
export interface TokenPolicy {
  /** A token that one of them takes is enough. */
  readonly providers: readonly TokenProvider[];
  /** Lets in without a token as well, or even with one that is not good. */
  readonly lenient?: "missing" | "failed";
  readonly origins: readonly { readonly kind: string; readonly key: string }[];
}

/** Whose tokens are taken, by what keys, and what becomes of what they say. */
export interface TokenProvider {
  /** Unique among all of a proxy; {@link Access} names it. */
  readonly name: string;
  /** The claim `iss`; undefined: any. */
  readonly issuer?: string;
  /** One of them must be in the claim `aud`; empty: any. */
  readonly audiences: readonly string[];
  /** A key set (RFC 7517), or where it is fetched. */
  readonly keys: { readonly inline: string } | RemoteKeys;
  /** Claims that backends get as headers; those of clients with these names go. */
  readonly claimHeaders: readonly { readonly header: string; readonly claim: string }[];
  /** The route is chosen anew, by those headers. */
  readonly recomputesRoute: boolean;
  /** Undefined: the header `Authorization` with `Bearer`, and the parameter `access_token`. */
  readonly from?: {
    readonly headers: readonly { readonly name: string; readonly prefix: string }[];
    readonly cookies: readonly string[];
    readonly params: readonly string[];
  };
}

/** A key set that proxies fetch. Times are in milliseconds. */
export interface RemoteKeys {
  readonly uri: string;
  /** A name in ProxyModel.destinations. */
  readonly destination: string;
  readonly cachedFor: number;
  /** How long after a failure it is fetched again. */
  readonly retriedAfter?: number;
}

/** Who may come in by address and by what tokens say: the first rule that fits decides. */
export interface Access {
  readonly rules: readonly AccessRule[];
  readonly otherwise: "allow" | "deny";
}

/** A rule fits where all that is there does. */
export interface AccessRule {
  readonly action: "allow" | "deny";
  /** CIDRs of either family. */
  readonly sources?: readonly string[];
  readonly token?: {
    /** Of a {@link TokenProvider}. */
    readonly provider: string;
    /** One of the values each; `list`: the claim is a list that has one of them. */
    readonly claims: readonly {
      readonly path: readonly string[];
      readonly list: boolean;
      readonly values: readonly string[];
    }[];
    /** All of them (`scope` or `scp`, RFC 8693). */
    readonly scopes: readonly string[];
  };
}

/** A service that is asked about each request; it goes on where the answer is 200, else the client has the answer. */
export interface Authorizer {
  /** A name in ProxyModel.destinations. */
  readonly destination: string;
  /** Put before the path of the request. */
  readonly pathPrefix: string;
  readonly timeout: number;
  /** Headers of the answer that backends get; those of clients with these names go. */
  readonly headersToBackend: readonly string[];
}

/** Which requests are tried again, and how often. */
export interface RetryPolicy {
  readonly attempts: number;
  /** HTTP statuses and Envoy's conditions (`connect-failure`, `reset`, …). */
  readonly statuses: readonly number[];
  readonly conditions: readonly string[];
  readonly perTryTimeout?: number;
  readonly backoff?: { readonly base: number; readonly max?: number };
}

/** Which pages of other origins may ask (the Fetch standard's CORS protocol). */
export interface CorsPolicy {
  /** `*`, `https://a.example`, `https://*.example`. */
  readonly allowOrigins: readonly string[];
  readonly allowMethods: readonly string[];
  readonly allowHeaders: readonly string[];
  readonly exposeHeaders: readonly string[];
  /** Seconds. */
  readonly maxAge?: number;
  readonly allowCredentials: boolean;
}

/** A token bucket in each proxy (local). */
export interface RateLimit {
  readonly requests: number;
  readonly perMilliseconds: number;
  readonly burst?: number;
  /** Only requests with these headers (all of them); with `distinct` a bucket per value. */
  readonly headers?: readonly {
    readonly name: string;
    readonly value?: string;
    readonly distinct?: boolean;
  }[];
  /** Only clients of these CIDRs, of either family; with `distinctSource` a bucket per client address. */
  readonly sources?: readonly string[];
  readonly distinctSource?: boolean;
}

/** How a client is kept with the backend that it met first (GEP-1619). */
export interface SessionPersistence {
  readonly by: "cookie" | "header";
  readonly name: string;
  /** Seconds of the cookie's life; undefined: until the browser ends. */
  readonly lifetime?: number;
  readonly path?: string;
}

/** What policies ask of a destination. */
export interface DestinationPolicy {
  readonly loadBalancing?: LoadBalancing;
  readonly circuitBreaker?: {
    readonly maxConnections?: number;
    readonly maxPendingRequests?: number;
    readonly maxRequests?: number;
    readonly maxRetries?: number;
  };
  readonly connectTimeout?: number;
  /** How long a backend may leave sent bytes unacknowledged, or keep its window closed (TCP_USER_TIMEOUT). */
  readonly unacknowledgedTimeout?: number;
  readonly keepalive?: ClientPolicy["keepalive"];
  /** Bytes that are read ahead of a connection to a backend; default 32,768. */
  readonly bufferLimit?: number;
  /** Asked over every family that a backend has: an address that fails is left out, not the backend. */
  readonly activeHealthCheck?: ActiveHealthCheck;
  readonly passiveHealthCheck?: PassiveHealthCheck;
  /** Share of healthy hosts (percent) below which all are used. */
  readonly panicThreshold?: number;
  /** With health checks: a family is used when the ones before it are not healthy; without it all are. */
  readonly familiesInOrder?: boolean;
  readonly proxyProtocol?: 1 | 2;
  /** What a header of version 2 says besides: a type of the PROXY protocol's, and text in Envoy's format language. */
  readonly proxyProtocolTlvs?: readonly { readonly type: number; readonly value: string }[];
  readonly slowStart?: number;
  readonly preferZone?: boolean;
}

/** How a backend is chosen. */
export type LoadBalancing =
  | { readonly kind: "round-robin" | "random" | "least-request" }
  | {
      readonly kind: "hash";
      readonly by: "source" | "header" | "cookie";
      readonly name?: string;
      readonly ttl?: number;
    };

/** Probes that a proxy sends to backends. */
export interface ActiveHealthCheck {
  readonly kind: "http" | "tcp" | "grpc";
  readonly interval: number;
  readonly timeout: number;
  readonly unhealthyThreshold: number;
  readonly healthyThreshold: number;
  readonly path?: string;
  readonly hostname?: string;
  readonly expectedStatuses?: readonly number[];
  /** Asked at this port instead of that of the traffic. */
  readonly port?: number;
  /** How it is asked, where that is not as traffic is: without the PROXY protocol, and without TLS or with (`tls`). */
  readonly socket?: "plain" | "tls";
  /** How often those are asked that did not answer well; default: as all. */
  readonly unhealthyInterval?: number;
  /** Asked as often while there is no traffic (else once a minute). */
  readonly whileIdle?: boolean;
}

/** Which backends are left out for a while, for the answers that they gave. */
export interface PassiveHealthCheck {
  readonly consecutiveErrors?: number;
  readonly consecutiveGatewayErrors?: number;
  readonly interval?: number;
  readonly baseEjection?: number;
  readonly maxEjectedPercent?: number;
}
