/**
 * Tokens (JWT): what each route asks for is one filter's, which is a resource of its own (ECDS). So a new issuer changes
 * that alone, and not listeners, which would drain their connections.
 */
import type { ProxyModel } from "../../traffic/gateway/model.ts";
import type { TokenPolicy, TokenProvider } from "../../traffic/gateway/policy-model.ts";
import { encode, type JsonObject } from "../proto/index.ts";
import { TYPE_URLS } from "../resources.ts";
import { any, duration, originRef, OVER_ADS } from "./names.ts";
import type { Wanted } from "./resource-set.ts";

/** The filter's name, and that of the resource. Envoy keeps what tokens say under it, whatever the name. */
export const TOKEN_FILTER = "envoy.filters.http.jwt_authn";

const MESSAGE = "envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication";

/** The filter in the chain of a listener. Before it has come routes that name something of it let nobody in (403). */
export function tokenFilter(): JsonObject {
  return {
    name: TOKEN_FILTER,
    config_discovery: {
      config_source: OVER_ADS,
      type_urls: [MESSAGE],
      default_config: any(MESSAGE),
      // most Gateways have no such resource, and no listener is to wait for it
      apply_default_config_without_warming: true,
    },
    disabled: true,
  };
}

/** What switches the filter on for a route: the name of what it asks for. */
export function tokensOfRoute(name: string): JsonObject {
  return any("envoy.extensions.filters.http.jwt_authn.v3.PerRouteConfig", { requirement_name: name });
}

/** The filter's resource; none where no route asks for tokens. */
export function* tokenFilters({ tokens }: Pick<ProxyModel, "tokens">): Iterable<Wanted> {
  if (tokens === undefined) return;
  const policies = [...tokens.values()];
  yield {
    name: TOKEN_FILTER,
    from: [tokens],
    make: () => ({
      bytes: encode(TYPE_URLS.filter, filterOf(tokens)),
      parts: [...tokens.keys()],
      needsClusters: [...new Set(policies.flatMap(({ providers }) => providers.flatMap(clusterOf)))],
      origins: policies.flatMap(({ origins }) => origins.map(originRef)),
    }),
  };
}

function clusterOf({ keys }: TokenProvider): string[] {
  return "inline" in keys ? [] : [keys.destination];
}

function filterOf(tokens: ReadonlyMap<string, TokenPolicy>): JsonObject {
  const all = [...tokens].sort(([one], [other]) => (one < other ? -1 : 1));
  const providers = all.flatMap(([, policy]) => policy.providers);
  return {
    name: TOKEN_FILTER,
    typed_config: any(MESSAGE, {
      providers: Object.fromEntries(providers.map((provider) => [provider.name, providerOf(provider)])),
      requirement_map: Object.fromEntries(all.map(([name, policy]) => [name, requirement(policy)])),
    }),
  };
}

function requirement({ providers, lenient }: TokenPolicy): JsonObject {
  const requirements: JsonObject[] = providers.map(({ name }) => ({ provider_name: name }));
  if (lenient === "missing") requirements.push({ allow_missing: {} });
  if (lenient === "failed") requirements.push({ allow_missing_or_failed: {} });
  const [only] = requirements;
  return requirements.length === 1 && only ? only : { requires_any: { requirements } };
}

/** A fetch that takes longer has failed. */
const FETCH_TIMEOUT = "10s";

function providerOf(provider: TokenProvider): JsonObject {
  const { name, issuer, audiences, keys, claimHeaders, recomputesRoute, from } = provider;
  return {
    ...(issuer !== undefined && { issuer }),
    ...(audiences.length > 0 && { audiences }),
    ...("inline" in keys ? { local_jwks: { inline_string: keys.inline } } : { remote_jwks: remote(keys) }),
    forward: true,
    payload_in_metadata: name,
    normalize_payload_in_metadata: { space_delimited_claims: ["scope", "scp"] },
    ...(claimHeaders.length > 0 && {
      claim_to_headers: claimHeaders.map(({ header, claim }) => ({ header_name: header, claim_name: claim })),
    }),
    ...(recomputesRoute && { clear_route_cache: true }),
    ...(from?.headers.length && {
      from_headers: from.headers.map(({ name: header, prefix }) => ({ name: header, value_prefix: prefix })),
    }),
    ...(from?.cookies.length && { from_cookies: from.cookies }),
    ...(from?.params.length && { from_params: from.params }),
  };
}

function remote(keys: Exclude<TokenProvider["keys"], { readonly inline: string }>): JsonObject {
  return {
    http_uri: { uri: keys.uri, cluster: keys.destination, timeout: FETCH_TIMEOUT },
    cache_duration: duration(keys.cachedFor),
    async_fetch: {
      // a listener that is in force already has nothing left to wait with
      fast_listener: true,
      ...(keys.retriedAfter !== undefined && { failed_refetch_duration: duration(keys.retriedAfter) }),
    },
  };
}
