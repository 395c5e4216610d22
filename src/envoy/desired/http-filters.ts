/**
 * The HTTP filters of every listener: always the same ones in the same order, off until a route switches them on. So a
 * route with a new feature changes the route, never the listener: a changed listener would drain its connections.
 */
import type { ClientPolicy } from "../../traffic/gateway/policy-model.ts";
import type { JsonObject } from "../proto/index.ts";
import { extension } from "./names.ts";
import { RETRY_SAFE } from "./safe-requests.ts";

/** Names of the filters that routes switch on. */
export const FILTERS = {
  cors: "envoy.filters.http.cors",
  rateLimit: "envoy.filters.http.local_ratelimit",
  sources: "envoy.filters.http.rbac",
  session: "envoy.filters.http.stateful_session",
} as const;

const BEFORE: readonly JsonObject[] = [
  off(FILTERS.cors, "envoy.extensions.filters.http.cors.v3.Cors"),
  off(FILTERS.sources, "envoy.extensions.filters.http.rbac.v3.RBAC"),
  off(FILTERS.rateLimit, "envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit", {
    stat_prefix: "listener",
  }),
];

const AFTER: readonly JsonObject[] = [
  off(FILTERS.session, "envoy.extensions.filters.http.stateful_session.v3.StatefulSession"),
  extension("envoy.filters.http.router", "envoy.extensions.filters.http.router.v3.Router", {
    suppress_envoy_headers: true,
  }),
];

function off(name: string, message: string, fields: JsonObject = {}): JsonObject {
  return { ...extension(name, message, fields), disabled: true };
}

const LIBRARIES = {
  gzip: "envoy.extensions.compression.gzip.compressor.v3.Gzip",
  brotli: "envoy.extensions.compression.brotli.compressor.v3.Brotli",
  zstd: "envoy.extensions.compression.zstd.compressor.v3.Zstd",
} as const;

/**
 * The chain of filters; only compression differs between listeners (it is a listener's policy).
 * @param routesMark whether routes themselves tell which requests are safe: a filter that does so for each request takes
 * one part in twenty of Envoy's time
 */
export function httpFilters({ compression = [] }: ClientPolicy, routesMark = false): readonly JsonObject[] {
  return [...BEFORE, ...compression.map(compressor), ...(routesMark ? [] : [RETRY_SAFE]), ...AFTER];
}

function compressor(kind: keyof typeof LIBRARIES): JsonObject {
  return extension(
    `envoy.filters.http.compressor.${kind}`,
    "envoy.extensions.filters.http.compressor.v3.Compressor",
    { compressor_library: extension(kind, LIBRARIES[kind]) },
  );
}
