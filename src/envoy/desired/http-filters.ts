/**
 * The HTTP filters of every listener: always the same ones in the same order, off until a route switches them on. So a
 * route with a new feature changes the route, never the listener: a changed listener would drain its connections.
 */
import type { ClientPolicy } from "../../traffic/gateway/policy-model.ts";
import type { JsonObject } from "../proto/index.ts";
import { extension } from "./names.ts";
import { RETRY_SAFE } from "./safe-requests.ts";
import { TOKEN_FILTER, tokenFilter } from "./tokens.ts";

/** Names of the filters that routes switch on. */
export const FILTERS = {
  cors: "envoy.filters.http.cors",
  rateLimit: "envoy.filters.http.local_ratelimit",
  sources: "envoy.filters.http.rbac",
  session: "envoy.filters.http.stateful_session",
  basicAuth: "envoy.filters.http.basic_auth",
  authorizer: "envoy.filters.http.ext_authz",
  apiKeys: "envoy.filters.http.api_key_auth",
  tokens: TOKEN_FILTER,
  /** A second one of its kind: what tokens say is known only after they are read. */
  access: "envoy.filters.http.rbac.access",
} as const;

const BEFORE: readonly JsonObject[] = [
  off(FILTERS.cors, "envoy.extensions.filters.http.cors.v3.Cors"),
  off(FILTERS.sources, "envoy.extensions.filters.http.rbac.v3.RBAC"),
];

const COUNTING = off(FILTERS.rateLimit, "envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit", {
  stat_prefix: "listener",
});

/** Envoy wants users in the filter itself, which no route uses: a name with a hash of no password. */
const NOBODY = `nobody:{SHA}${"A".repeat(27)}=`;

/** Gateways' alone, before limits: who is not known takes nothing of the limits of those who are. */
const USERS = off(FILTERS.basicAuth, "envoy.extensions.filters.http.basic_auth.v3.BasicAuth", {
  users: { inline_string: NOBODY },
});

/** Envoy wants a service in the filter itself, which no route uses. Those of routes are told all headers: cookies, tokens. */
const AUTHORIZER = off(FILTERS.authorizer, "envoy.extensions.filters.http.ext_authz.v3.ExtAuthz", {
  http_service: { server_uri: { uri: "http://nobody", cluster: "nobody", timeout: "1s" } },
  allowed_headers: { patterns: [{ safe_regex: { regex: ".*" } }] },
});

/** Envoy takes only what the route says. */
const API_KEYS = off(FILTERS.apiKeys, "envoy.extensions.filters.http.api_key_auth.v3.ApiKeyAuth");

const ACCESS = off(FILTERS.access, "envoy.extensions.filters.http.rbac.v3.RBAC");

/** Gateways' alone. The service may hand on a token for one that it was shown, which is then looked at. */
const KNOWN: readonly JsonObject[] = [API_KEYS, USERS, AUTHORIZER, tokenFilter(), ACCESS];

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
 * one part in twenty of Envoy's time; this is so in sidecars, whose routes know of no credentials either
 */
export function httpFilters({ compression = [] }: ClientPolicy, routesMark = false): readonly JsonObject[] {
  const gateways = routesMark ? [] : KNOWN;
  const marking = routesMark ? [] : [RETRY_SAFE];
  return [...BEFORE, ...gateways, COUNTING, ...compression.map(compressor), ...marking, ...AFTER];
}

function compressor(kind: keyof typeof LIBRARIES): JsonObject {
  return extension(
    `envoy.filters.http.compressor.${kind}`,
    "envoy.extensions.filters.http.compressor.v3.Compressor",
    { compressor_library: extension(kind, LIBRARIES[kind]) },
  );
}
