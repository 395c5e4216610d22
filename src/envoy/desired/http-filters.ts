/**
 * The HTTP filters of every listener: always the same ones in the same order, off until a route switches them on. So a
 * route with a new feature changes the route, never the listener: a changed listener would drain its connections.
 */
import type { ClientPolicy } from "../../traffic/gateway/policy-model.ts";
import { isJsonObject, type JsonObject } from "../proto/index.ts";
import { extension } from "./names.ts";

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

const SAFE_METHODS = "GET|HEAD|OPTIONS|TRACE";
const RETRY_WHEN_RESET: JsonObject = {
  header: { key: "x-envoy-retry-on", value: "reset" },
  append_action: "OVERWRITE_IF_EXISTS_OR_ADD",
};

/**
 * Requests that change nothing are sent again when the connection that they went over breaks (RFC 9110, 9.2.2): what
 * was under way over a lost family is answered over the other. All else is retried only where no backend has seen it
 * (see retry.ts). Clients from outside cannot set the header: Envoy takes it out first.
 */
const RETRY_SAFE = extension(
  "envoy.filters.http.header_mutation",
  "envoy.extensions.common.matching.v3.ExtensionWithMatcher",
  {
    extension_config: extension(
      "envoy.filters.http.header_mutation",
      "envoy.extensions.filters.http.header_mutation.v3.HeaderMutation",
      {
        mutations: {
          request_mutations: [{ append: RETRY_WHEN_RESET }],
        },
      },
    ),
    xds_matcher: {
      matcher_list: { matchers: [{ predicate: { not_matcher: isSafe() }, on_match: { action: skip() } }] },
    },
  },
);

function isSafe(): JsonObject {
  const input = extension("method", "envoy.type.matcher.v3.HttpRequestHeaderMatchInput", {
    header_name: ":method",
  });
  return {
    single_predicate: {
      input,
      value_match: { safe_regex: { google_re2: {}, regex: SAFE_METHODS } },
    },
  };
}

/**
 * A route as those that do what the filter does: for safe requests, which are sent again as well when they are reset, and
 * for all.
 */
export function bySafety(route: JsonObject, method: string | undefined): JsonObject[] {
  if (!isJsonObject(route["route"]) || !isJsonObject(route["match"])) return [route];
  const isSafe = method === undefined ? undefined : SAFE_METHODS.split("|").includes(method);
  if (isSafe === false) return [route];
  const { match, request_headers_to_add: added = [] } = route as { match: JsonObject } & JsonObject;
  const marks = { request_headers_to_add: [...(Array.isArray(added) ? added : []), RETRY_WHEN_RESET] };
  if (isSafe === true) return [{ ...route, ...marks }];
  const safe = { name: ":method", string_match: { safe_regex: { regex: SAFE_METHODS } } };
  const headers = [...(Array.isArray(match["headers"]) ? match["headers"] : []), safe];
  return [{ ...route, match: { ...match, headers }, ...marks }, route];
}

function skip(): JsonObject {
  return extension("skip", "envoy.extensions.filters.common.matcher.action.v3.SkipFilter");
}

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
