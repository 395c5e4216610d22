/** The specs of policies as they are on the wire (data/crds/tandem-policies.json). Durations are those of GEP-2257. */
import type { Family } from "../../../ip/family.ts";
import type { BackendRef } from "../../../objects/gateway/index.ts";
import type { PolicyObject } from "./types.ts";

interface TcpKeepalive {
  probes?: number;
  idleTime?: string;
  interval?: string;
}

/** How the clients of a listener are treated. */
export interface ClientTrafficPolicy extends PolicyObject {
  spec: PolicyObject["spec"] & {
    /** Expects the PROXY protocol, from `trustedCIDRs` only where they are given. */
    proxyProtocol?: { optional?: boolean; trustedCIDRs?: string[] };
    clientIPDetection?: {
      xForwardedFor?: { numTrustedHops?: number };
      customHeader?: { name: string };
    };
    tcpKeepalive?: TcpKeepalive;
    timeout?: { http?: { requestReceivedTimeout?: string; idleTimeout?: string } };
    /** `bufferLimit` is a quantity (`32Ki`). */
    connection?: { connectionLimit?: { value: number }; bufferLimit?: string | number };
    tls?: {
      minVersion?: "1.2" | "1.3";
      maxVersion?: "1.2" | "1.3";
      ciphers?: string[];
      alpnProtocols?: string[];
    };
    accessLog?: { format: { type: "Text" | "JSON"; text?: string; json?: Record<string, string> } };
    compression?: { type: "Gzip" | "Brotli" | "Zstd" }[];
    path?: {
      disableNormalization?: boolean;
      disableMergeSlashes?: boolean;
      escapedSlashesAction?: "KeepUnchanged" | "RejectRequest" | "UnescapeAndForward" | "UnescapeAndRedirect";
    };
  };
}

/** How backends are spoken to. */
export interface BackendTrafficPolicy extends PolicyObject {
  spec: PolicyObject["spec"] & {
    /** Over which family backends are dialled first. */
    preferFamily?: Family;
    loadBalancer?: {
      type: "RoundRobin" | "Random" | "LeastRequest" | "ConsistentHash";
      consistentHash?: {
        type: "SourceIP" | "Header" | "Cookie";
        header?: { name: string };
        cookie?: { name: string; ttl?: string };
      };
      slowStart?: { window: string };
      zoneAware?: { preferLocal?: Record<string, unknown> };
    };
    circuitBreaker?: {
      maxConnections?: number;
      maxPendingRequests?: number;
      maxParallelRequests?: number;
      maxParallelRetries?: number;
    };
    timeout?: {
      tcp?: { connectTimeout?: string; unacknowledgedTimeout?: string };
      http?: { requestTimeout?: string; streamIdleTimeout?: string };
    };
    tcpKeepalive?: TcpKeepalive;
    healthCheck?: {
      active?: ActiveCheck;
      passive?: {
        consecutive5XxErrors?: number;
        consecutiveGatewayErrors?: number;
        interval?: string;
        baseEjectionTime?: string;
        maxEjectionPercent?: number;
      };
      panicThreshold?: number;
    };
    proxyProtocol?: { version: "V1" | "V2" };
    retry?: {
      numRetries?: number;
      retryOn?: { triggers?: string[]; httpStatusCodes?: number[] };
      perRetry?: { timeout?: string; backOff?: { baseInterval?: string; maxInterval?: string } };
    };
    rateLimit?: { type: "Local" | "Global"; local?: { rules: RateLimitRule[] } };
    sessionPersistence?: {
      sessionName?: string;
      type?: "Cookie" | "Header";
      absoluteTimeout?: string;
      cookieConfig?: { lifetimeType?: "Session" | "Permanent" };
    };
  };
}

/** Asks backends whether they are well. */
export interface ActiveCheck {
  type: "HTTP" | "TCP" | "GRPC";
  timeout?: string;
  interval?: string;
  unhealthyThreshold?: number;
  healthyThreshold?: number;
  http?: { path?: string; hostname?: string; expectedStatuses?: number[] };
}

/** A bucket for requests that fulfil all of a selector. */
export interface RateLimitRule {
  clientSelectors?: {
    headers?: { name: string; value?: string; type?: "Exact" | "Distinct" }[];
    sourceCIDR?: { value: string; type?: "Exact" | "Distinct" };
    /** As `sourceCIDR`, of both families in one bucket. */
    sourceCIDRs?: { values: string[]; type?: "Exact" | "Distinct" };
  }[];
  limit: { requests: number; unit: "Second" | "Minute" | "Hour" | "Day"; burst?: number };
}

/** Who may come in. */
export interface SecurityPolicy extends PolicyObject {
  spec: PolicyObject["spec"] & {
    cors?: {
      allowOrigins?: string[];
      allowMethods?: string[];
      allowHeaders?: string[];
      exposeHeaders?: string[];
      maxAge?: string;
      allowCredentials?: boolean;
    };
    /** The first rule that fits decides. */
    authorization?: {
      defaultAction?: "Allow" | "Deny";
      rules?: { name?: string; action: "Allow" | "Deny"; principal: Principal }[];
    };
    /** A Secret of the policy's namespace with the key `.htpasswd`. */
    basicAuth?: { users: { group?: string; kind?: string; name: string } };
    /** A service of the policy's namespace that is asked about each request. */
    extAuth?: {
      timeout?: string;
      http: { backendRefs: BackendRef[]; path?: string; headersToBackend?: string[] };
    };
    /** Tokens (RFC 7519) that requests must have, of one of the providers. */
    jwt?: { optional?: boolean; failOpen?: boolean; providers: JwtProvider[] };
    /** Secrets whose keys are clients' names, and whose values are the clients' keys. */
    apiKeyAuth?: {
      credentialRefs: { group?: string; kind?: string; name: string; namespace?: string }[];
      extractFrom: { headers?: string[]; params?: string[]; cookies?: string[] }[];
      forwardClientIDHeader?: string;
      sanitize?: boolean;
    };
  };
}

/** All that is there must fit. */
export interface Principal {
  clientCIDRs?: string[];
  jwt?: {
    provider: string;
    claims?: { name: string; valueType?: "String" | "StringArray"; values: string[] }[];
    scopes?: string[];
  };
}

/** Whose tokens are taken. */
export interface JwtProvider {
  name: string;
  issuer?: string;
  audiences?: string[];
  remoteJWKS?: {
    uri: string;
    /** Where it is asked instead of at the host of the URI. */
    backendRefs?: BackendRef[];
    cacheDuration?: string;
    failedRefetchDuration?: string;
  };
  localJWKS?: {
    type?: "Inline" | "ValueRef";
    inline?: string;
    /** A ConfigMap or Secret of the policy's namespace: its key `jwks`, or its first. */
    valueRef?: { group?: string; kind: string; name: string };
  };
  claimToHeaders?: { header: string; claim: string }[];
  recomputeRoute?: boolean;
  extractFrom?: { headers?: { name: string; valuePrefix?: string }[]; cookies?: string[]; params?: string[] };
}
