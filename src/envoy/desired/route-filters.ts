/** What HTTP filters do for one route: each is off in the chain of every listener, and switched on where a route has it. */
import type {
  ApiKeys,
  Authorizer,
  CorsPolicy,
  RoutePolicy,
  SessionPersistence,
} from "../../traffic/gateway/policy-model.ts";
import type { JsonObject } from "../proto/index.ts";
import { accessRules, networks } from "./access.ts";
import { FILTERS } from "./http-filters.ts";
import { any, duration, extension } from "./names.ts";
import { escapeRegex } from "./paths.ts";
import { localRateLimit } from "./rate-limit.ts";
import { tokensOfRoute } from "./tokens.ts";

/** `typed_per_filter_config` of a route; undefined when no filter is switched on. */
export function routeFilters(policy: RoutePolicy | undefined): JsonObject | undefined {
  if (policy === undefined) return undefined;
  const sources = sourceRules(policy);
  const filters: Record<string, JsonObject> = {};
  if (policy.cors) filters[FILTERS.cors] = cors(policy.cors);
  if (policy.rateLimits?.length) filters[FILTERS.rateLimit] = localRateLimit(policy.rateLimits);
  if (sources) filters[FILTERS.sources] = sources;
  if (policy.sessionPersistence) filters[FILTERS.session] = session(policy.sessionPersistence);
  if (policy.basicUsers !== undefined) filters[FILTERS.basicAuth] = basicAuth(policy.basicUsers);
  if (policy.authorizer) filters[FILTERS.authorizer] = authorizer(policy.authorizer);
  if (policy.apiKeys) filters[FILTERS.apiKeys] = apiKeys(policy.apiKeys);
  if (policy.tokens !== undefined) filters[FILTERS.tokens] = tokensOfRoute(policy.tokens);
  if (policy.access) filters[FILTERS.access] = accessRules(policy.access);
  return Object.keys(filters).length === 0 ? undefined : filters;
}

function cors(policy: CorsPolicy): JsonObject {
  const list = (values: readonly string[]) => (values.length === 0 ? undefined : values.join(","));
  return any("envoy.extensions.filters.http.cors.v3.CorsPolicy", {
    allow_origin_string_match: policy.allowOrigins.map(originMatch),
    allow_methods: list(policy.allowMethods),
    allow_headers: list(policy.allowHeaders),
    expose_headers: list(policy.exposeHeaders),
    ...(policy.maxAge !== undefined && { max_age: String(policy.maxAge) }),
    allow_credentials: policy.allowCredentials,
    // Preflights of others are answered here too, without the headers that would allow anything.
    forward_not_matching_preflights: false,
  });
}

function originMatch(origin: string): JsonObject {
  if (origin === "*") return { safe_regex: { regex: ".*" } };
  if (!origin.includes("*")) return { exact: origin };
  return { safe_regex: { regex: escapeRegex(origin).replaceAll("\\*", ".+") } };
}

/** Who may come in, by the client's address as the listener knows it (`X-Forwarded-For`, PROXY protocol). */
function sourceRules({ allowedSources, deniedSources }: RoutePolicy): JsonObject | undefined {
  if (!allowedSources?.length && !deniedSources?.length) return undefined;
  const ids = [
    ...(allowedSources?.length ? [networks(allowedSources)] : [{ any: true }]),
    ...(deniedSources?.length ? [{ not_id: networks(deniedSources) }] : []),
  ];
  const policy = { permissions: [{ any: true }], principals: [{ and_ids: { ids } }] };
  return any("envoy.extensions.filters.http.rbac.v3.RBACPerRoute", {
    rbac: { rules: { action: "ALLOW", policies: { sources: policy } } },
  });
}

function basicAuth(users: string): JsonObject {
  return any("envoy.extensions.filters.http.basic_auth.v3.BasicAuthPerRoute", {
    users: { inline_string: users },
  });
}

function apiKeys({ clients, from, clientHeader, hidden }: ApiKeys): JsonObject {
  return any("envoy.extensions.filters.http.api_key_auth.v3.ApiKeyAuthPerRoute", {
    credentials: clients.map(({ name, key }) => ({ client: name, key })),
    key_sources: from.map((place) => ({ [place.in]: place.name })),
    ...((clientHeader !== undefined || hidden) && {
      forwarding: {
        ...(clientHeader !== undefined && { header: clientHeader }),
        ...(hidden && { hide_credentials: true }),
      },
    }),
  });
}

function authorizer(asked: Authorizer): JsonObject {
  const { destination, pathPrefix, timeout, headersToBackend } = asked;
  return any("envoy.extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute", {
    check_settings: {
      http_service: {
        server_uri: {
          uri: "http://authorizer",
          cluster: destination,
          timeout: duration(timeout),
        },
        ...(pathPrefix !== "" && { path_prefix: pathPrefix }),
        ...(headersToBackend.length > 0 && {
          authorization_response: {
            allowed_upstream_headers: {
              patterns: headersToBackend.map((name) => ({ exact: name, ignore_case: true })),
            },
          },
        }),
      },
    },
  });
}

function session({ by, name, lifetime, path }: SessionPersistence): JsonObject {
  const state =
    by === "header"
      ? extension(
          "envoy.http.stateful_session.header",
          "envoy.extensions.http.stateful_session.header.v3.HeaderBasedSessionState",
          { name },
        )
      : extension(
          "envoy.http.stateful_session.cookie",
          "envoy.extensions.http.stateful_session.cookie.v3.CookieBasedSessionState",
          { cookie: { name, ttl: `${lifetime ?? 0}s`, ...(path !== undefined && { path }) } },
        );
  return any("envoy.extensions.filters.http.stateful_session.v3.StatefulSessionPerRoute", {
    stateful_session: { session_state: state },
  });
}
