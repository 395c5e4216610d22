/** BackendTrafficPolicy. */
import type {
  DestinationPolicy,
  LoadBalancing,
  RetryPolicy,
  RoutePolicy,
  SessionPersistence,
} from "../policy-model.ts";
import type { CompiledParts } from "./compile.ts";
import { activeCheck, passiveCheck } from "./health-checks.ts";
import { keepalive } from "./keepalive.ts";
import type { BackendTrafficPolicy } from "./objects.ts";
import { rateLimits } from "./rate-limits.ts";
import {
  atMost,
  count,
  defined,
  definedOrNone,
  milliseconds,
  moreThanNothing,
  type PolicyReader,
  refuse,
} from "./reader.ts";

type Spec = BackendTrafficPolicy["spec"];

/** Reads the spec of a BackendTrafficPolicy. */
export function compileBackendTraffic(spec: Spec, reader: PolicyReader): CompiledParts {
  const { http = {} } = spec.timeout ?? {};
  return {
    route: definedOrNone<RoutePolicy>({
      retry: retry(spec.retry, reader),
      rateLimits: rateLimits(spec, reader),
      sessionPersistence: session(spec, reader),
      idleTimeout: milliseconds(http.streamIdleTimeout, "spec.timeout.http.streamIdleTimeout", reader),
    }),
    requestTimeout: milliseconds(http.requestTimeout, "spec.timeout.http.requestTimeout", reader),
    destination: destination(spec, reader),
    preferFamily: spec.preferFamily,
  };
}

function destination(spec: Spec, reader: PolicyReader): DestinationPolicy | undefined {
  const { circuitBreaker: breaker, loadBalancer, healthCheck = {} } = spec;
  return definedOrNone<DestinationPolicy>({
    loadBalancing: loadBalancing(spec, reader),
    slowStart: slowStart(spec, reader),
    preferZone: loadBalancer?.zoneAware?.preferLocal === undefined ? undefined : true,
    circuitBreaker: definedOrNone<NonNullable<DestinationPolicy["circuitBreaker"]>>({
      maxConnections: count(breaker?.maxConnections, "spec.circuitBreaker.maxConnections", reader),
      maxPendingRequests: count(
        breaker?.maxPendingRequests,
        "spec.circuitBreaker.maxPendingRequests",
        reader,
      ),
      maxRequests: count(breaker?.maxParallelRequests, "spec.circuitBreaker.maxParallelRequests", reader),
      maxRetries: count(breaker?.maxParallelRetries, "spec.circuitBreaker.maxParallelRetries", reader),
    }),
    connectTimeout: moreThanNothing(
      spec.timeout?.tcp?.connectTimeout,
      "spec.timeout.tcp.connectTimeout",
      reader,
    ),
    unacknowledgedTimeout: unacknowledged(spec, reader),
    keepalive: keepalive(spec.tcpKeepalive, reader),
    activeHealthCheck: activeCheck(healthCheck.active, reader),
    passiveHealthCheck: passiveCheck(healthCheck.passive, reader),
    panicThreshold: healthCheck.panicThreshold,
    proxyProtocol: spec.proxyProtocol && (spec.proxyProtocol.version === "V2" ? 2 : 1),
  });
}

/** The kernel has an int of milliseconds for it (TCP_USER_TIMEOUT, tcp(7)): more, and no connection can be opened. */
const MOST_UNACKNOWLEDGED = 2 ** 31 - 1;

function unacknowledged({ timeout }: Spec, reader: PolicyReader): number | undefined {
  const field = "spec.timeout.tcp.unacknowledgedTimeout";
  const value = moreThanNothing(timeout?.tcp?.unacknowledgedTimeout, field, reader);
  return atMost(value, MOST_UNACKNOWLEDGED, field, reader);
}

const PLAIN = { RoundRobin: "round-robin", Random: "random", LeastRequest: "least-request" } as const;

function loadBalancing({ loadBalancer }: Spec, reader: PolicyReader): LoadBalancing | undefined {
  if (loadBalancer === undefined) return undefined;
  const { type, consistentHash: hash } = loadBalancer;
  const field = "spec.loadBalancer.consistentHash";
  if (type !== "ConsistentHash") return { kind: PLAIN[type] };
  if (hash === undefined) return refuse(reader, field, "is missing");
  if (hash.type === "SourceIP") return { kind: "hash", by: "source" };
  if (hash.type === "Header")
    return hash.header === undefined
      ? refuse(reader, `${field}.header`, "is missing")
      : { kind: "hash", by: "header", name: hash.header.name.toLowerCase() };
  if (hash.cookie === undefined) return refuse(reader, `${field}.cookie`, "is missing");
  const ttl = milliseconds(hash.cookie.ttl, `${field}.cookie.ttl`, reader);
  return {
    kind: "hash",
    by: "cookie",
    name: hash.cookie.name,
    ...(ttl !== undefined && { ttl: Math.ceil(ttl / 1000) }),
  };
}

function slowStart({ loadBalancer }: Spec, reader: PolicyReader): number | undefined {
  const { slowStart: start, type } = loadBalancer ?? {};
  if (start !== undefined && type !== "RoundRobin" && type !== "LeastRequest")
    return refuse(
      reader,
      "spec.loadBalancer.slowStart",
      `goes with RoundRobin and LeastRequest, not with ${String(type)}`,
    );
  return milliseconds(start?.window, "spec.loadBalancer.slowStart.window", reader);
}

/** What is retried where a policy does not say (as Envoy Gateway has it). */
const RETRY_DEFAULT = {
  triggers: ["connect-failure", "refused-stream", "unavailable", "cancelled"],
  httpStatusCodes: [503],
};

/** Names of Envoy's for `retry_on`; https://www.envoyproxy.io/docs/envoy/v1.40.0/configuration/http/http_filters/router_filter. */
const TRIGGERS: ReadonlySet<string> = new Set([
  "5xx",
  "gateway-error",
  "reset",
  "reset-before-request",
  "connect-failure",
  "retriable-4xx",
  "refused-stream",
  "retriable-status-codes",
  "cancelled",
  "deadline-exceeded",
  "internal",
  "resource-exhausted",
  "unavailable",
]);

function retry(spec: Spec["retry"], reader: PolicyReader): RetryPolicy | undefined {
  if (spec === undefined) return undefined;
  const on = spec.retryOn ?? RETRY_DEFAULT;
  for (const [index, trigger] of (on.triggers ?? []).entries())
    if (!TRIGGERS.has(trigger))
      refuse(reader, `spec.retry.retryOn.triggers[${index}]`, `${trigger} is not known`);
  const field = "spec.retry.perRetry";
  const { timeout, backOff } = spec.perRetry ?? {};
  const base = moreThanNothing(backOff?.baseInterval, `${field}.backOff.baseInterval`, reader);
  const max = moreThanNothing(backOff?.maxInterval, `${field}.backOff.maxInterval`, reader);
  if (max !== undefined && (base ?? RETRY_BASE) > max)
    refuse(reader, `${field}.backOff.maxInterval`, "is shorter than baseInterval");
  return defined<RetryPolicy>({
    attempts: count(spec.numRetries, "spec.retry.numRetries", reader) ?? 2,
    statuses: on.httpStatusCodes ?? [],
    conditions: (on.triggers ?? []).filter((trigger) => trigger !== "retriable-status-codes"),
    perTryTimeout: milliseconds(timeout, `${field}.timeout`, reader),
    backoff: backOff && { base: base ?? RETRY_BASE, ...(max !== undefined && { max }) },
  });
}

/** Milliseconds of Envoy's first pause. */
const RETRY_BASE = 25;

function session({ sessionPersistence: spec }: Spec, reader: PolicyReader): SessionPersistence | undefined {
  if (spec === undefined) return undefined;
  const field = "spec.sessionPersistence";
  const { type = "Cookie", sessionName: name = "tandem-session", cookieConfig } = spec;
  const lifetime = moreThanNothing(spec.absoluteTimeout, `${field}.absoluteTimeout`, reader);
  const permanent = type === "Cookie" && cookieConfig?.lifetimeType === "Permanent";
  if (permanent && spec.absoluteTimeout === undefined)
    return refuse(reader, `${field}.absoluteTimeout`, "a Permanent cookie needs it");
  if (!permanent && lifetime !== undefined)
    reader.notes.push(`${field}.absoluteTimeout is in force for Permanent cookies only`);
  if (type === "Header") return { by: "header", name };
  return {
    by: "cookie",
    name,
    path: "/",
    ...(permanent && lifetime !== undefined && { lifetime: Math.ceil(lifetime / 1000) }),
  };
}
