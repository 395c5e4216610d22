/** Requests that change nothing, and may be sent again: by a filter for all routes of a listener, or by routes themselves. */
import { isJsonObject, type JsonObject } from "../proto/index.ts";
import { extension } from "./names.ts";

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
export const RETRY_SAFE = extension(
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

function skip(): JsonObject {
  return extension("skip", "envoy.extensions.filters.common.matcher.action.v3.SkipFilter");
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
