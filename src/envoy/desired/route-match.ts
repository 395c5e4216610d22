/** Which requests a rule is for. */
import type { RouteMatch, ValueMatch } from "../../traffic/gateway/model.ts";
import type { JsonObject } from "../proto/index.ts";
import { prefixMatch } from "./paths.ts";

/** A rule's match as Envoy's RouteMatch. */
export function routeMatch(match: RouteMatch): JsonObject {
  const headers = [
    ...(match.method === undefined ? [] : [{ name: ":method", string_match: { exact: match.method } }]),
    ...(match.headers ?? []).map(valueMatch),
  ];
  return {
    ...pathMatch(match.path),
    ...(headers.length > 0 && { headers }),
    ...(match.query?.length && { query_parameters: match.query.map(valueMatch) }),
    ...(match.grpc && { grpc: {} }),
  };
}

function pathMatch(path: RouteMatch["path"]): JsonObject {
  if (path === undefined) return { prefix: "/" };
  if (path.kind === "prefix") return prefixMatch(path.value);
  return path.kind === "exact" ? { path: path.value } : { safe_regex: { regex: path.value } };
}

/** Headers that come several times are joined by commas before they are compared. */
function valueMatch({ name, kind, value }: ValueMatch): JsonObject {
  if (kind === "regex") return { name, string_match: { safe_regex: { regex: value } } };
  // An empty exact text means "unset" to Envoy's validation.
  return { name, string_match: value === "" ? { safe_regex: { regex: "^$" } } : { exact: value } };
}
