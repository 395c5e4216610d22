/** Where requests of a rule go: one cluster, or several by weight. */
import type { Forward, HttpForward, Mirror, RouteRule } from "../../traffic/gateway/model.ts";
import type { JsonObject } from "../proto/index.ts";
import { changesHeaders, headerChanges } from "./header-changes.ts";
import { ALWAYS, duration, NO_CLUSTER } from "./names.ts";
import { pathRewrite } from "./paths.ts";
import { retryPolicy } from "./retry.ts";

type ForwardAction = Extract<RouteRule["action"], { kind: "forward" }>;

/** The clusters that a rule names, mirrors included. */
export function clustersOf(action: RouteRule["action"]): string[] {
  if (action.kind !== "forward") return [];
  const shares = action.forward.shares.filter((share) => share.weight > 0);
  const named = shares.flatMap((share) => share.destination ?? []);
  return [...named, ...action.http.mirrors.map((mirror) => mirror.destination)];
}

/** Whether anything at all goes to a backend. */
export function reachesBackend(forward: Forward): boolean {
  return forward.shares.some((share) => share.weight > 0 && share.destination !== undefined);
}

/** Forwarding as Envoy's RouteAction. Some share must have a valid backend, see {@link reachesBackend}. */
export function routeAction({ forward, http }: ForwardAction, rule: RouteRule): JsonObject {
  const retry = retryPolicy(rule.policy?.retry, http.backendTimeout);
  return {
    ...target(forward, rule.match.grpc === true),
    // Envoy's own default of 15 s is nobody's wish here.
    timeout: duration(totalTimeout(http, retry !== undefined)),
    ...(rule.policy?.idleTimeout !== undefined && { idle_timeout: duration(rule.policy.idleTimeout) }),
    ...(http.hostRewrite !== undefined && { host_rewrite_literal: http.hostRewrite }),
    ...(http.pathRewrite && pathRewrite(http.pathRewrite, "route")),
    ...(http.mirrors.length > 0 && { request_mirror_policies: http.mirrors.map(mirrorPolicy) }),
    ...(retry && { retry_policy: retry }),
    ...(http.websocket === false && {
      upgrade_configs: [{ upgrade_type: "websocket", enabled: false }],
    }),
  };
}

/**
 * A share without a valid backend names a cluster that does not exist; such requests are answered with 500, and gRPC
 * calls with 503, which Envoy turns into UNAVAILABLE (HTTPBackendRef and GRPCBackendRef, Gateway API).
 */
function target(forward: Forward, grpc: boolean): JsonObject {
  const shares = forward.shares.filter((share) => share.weight > 0);
  const [first] = shares;
  const invalid = shares.some((share) => share.destination === undefined);
  const code = invalid && !grpc ? { cluster_not_found_response_code: "INTERNAL_SERVER_ERROR" } : {};
  if (shares.length === 1 && first && !changesHeaders(first)) {
    return { cluster: first.destination ?? NO_CLUSTER, ...code };
  }
  const clusters = shares.map((share) => ({
    name: share.destination ?? NO_CLUSTER,
    weight: share.weight,
    ...headerChanges(share),
  }));
  return { weighted_clusters: { clusters }, ...code };
}

/** Without retries the time for one try bounds the whole. 0: no limit. */
function totalTimeout({ requestTimeout = 0, backendTimeout = 0 }: HttpForward, retries: boolean): number {
  if (retries || backendTimeout === 0) return requestTimeout;
  return requestTimeout === 0 ? backendTimeout : Math.min(requestTimeout, backendTimeout);
}

const MILLION = 1_000_000;

function mirrorPolicy({ destination, numerator, denominator }: Mirror): JsonObject {
  const all = numerator >= denominator;
  const share = { numerator: Math.round((numerator / denominator) * MILLION), denominator: "MILLION" };
  return {
    cluster: destination,
    runtime_fraction: all ? ALWAYS : { default_value: share },
    disable_shadow_host_suffix_append: true,
  };
}
