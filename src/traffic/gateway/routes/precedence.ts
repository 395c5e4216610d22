/** Which rule is tried first: the order that the Gateway API prescribes over all routes of a hostname. */
import type { RouteMatch } from "../model.ts";
import type { TranslatedRule } from "./types.ts";

/** Sorts rules into the order in which they are tried (HTTPRouteRule and GRPCRouteRule, `matches`). */
export function compareRules(a: TranslatedRule, b: TranslatedRule): number {
  for (let i = 0; i < a.precedence.length || i < b.precedence.length; i++) {
    const difference = (b.precedence[i] ?? 0) - (a.precedence[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return (
    compareText(a.createdAt, b.createdAt) || compareText(a.routeKey, b.routeKey) || a.position - b.position
  );
}

function compareText(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

/** The specification leaves regular expressions open; as in Envoy Gateway they come between exact and prefix. */
const PATH_RANK = { exact: 2, regex: 1, prefix: 0 } as const;

/** An HTTPRoute's match: exact paths, longer paths, a method, more headers, more query parameters. */
export function httpPrecedence({ path, method, headers = [], query = [] }: RouteMatch): number[] {
  const kind = path?.kind ?? "prefix";
  const length = path?.value.length ?? 1;
  return [PATH_RANK[kind], length, method === undefined ? 0 : 1, headers.length, query.length];
}
