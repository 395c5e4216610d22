/** The matches of HTTPRoute and GRPCRoute rules. */
import type { GRPCRouteMatch, HTTPRouteMatch, NamedMatch } from "../../../objects/gateway/index.ts";
import type { RouteMatch, ValueMatch } from "../model.ts";
import { type RuleContext, rejectRule } from "./context.ts";
import { withoutSlash } from "./filters.ts";
import { re2Problem } from "./re2.ts";

const METHODS = ["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"];

/** The match that an HTTPRoute's match means; values that are not known reject the rule. */
export function httpMatch(match: HTTPRouteMatch, rule: RuleContext, field: string): RouteMatch {
  const { method } = match;
  if (method !== undefined && !METHODS.includes(method))
    rejectRule(rule, `${field}.method`, `${method} is not one of ${METHODS.join(", ")}`);
  const headers = values(match.headers, rule, `${field}.headers`, (name) => name.toLowerCase());
  const query = values(match.queryParams, rule, `${field}.queryParams`, (name) => name);
  return {
    path: httpPath(match.path, rule, `${field}.path`),
    ...(method !== undefined && { method }),
    ...(headers.length > 0 && { headers }),
    ...(query.length > 0 && { query }),
  };
}

function httpPath(
  path: HTTPRouteMatch["path"],
  rule: RuleContext,
  field: string,
): NonNullable<RouteMatch["path"]> {
  const { type = "PathPrefix", value = "/" } = path ?? {};
  if (type === "RegularExpression")
    return { kind: "regex", value: expression(value, rule, `${field}.value`) };
  if (!value.startsWith("/"))
    rejectRule(rule, `${field}.value`, `${JSON.stringify(value)} does not begin with /`);
  if (type === "Exact") return { kind: "exact", value };
  if (type !== "PathPrefix") rejectRule(rule, `${field}.type`, `${String(type)} is not supported`);
  return { kind: "prefix", value: withoutSlash(value) };
}

/** Of several entries with one name only the first counts (HTTPHeaderMatch and HTTPQueryParamMatch, `name`). */
function values(
  list: readonly NamedMatch[] | undefined,
  rule: RuleContext,
  field: string,
  normalise: (name: string) => string,
): ValueMatch[] {
  const byName = new Map<string, ValueMatch>();
  for (const [index, { type = "Exact", name: written, value }] of (list ?? []).entries()) {
    const name = normalise(written);
    if (byName.has(name)) continue;
    if (type === "RegularExpression") {
      const regex = expression(value, rule, `${field}[${index}].value`);
      byName.set(name, { name, kind: "regex", value: regex });
    } else {
      if (type !== "Exact") rejectRule(rule, `${field}[${index}].type`, `${String(type)} is not supported`);
      byName.set(name, { name, kind: "exact", value });
    }
  }
  return [...byName.values()];
}

function expression(value: string, rule: RuleContext, field: string): string {
  const problem = value === "" ? "it is empty" : re2Problem(value);
  if (problem !== undefined) rejectRule(rule, field, `no regular expression of RE2: ${problem}`);
  return value;
}

/** The match and the precedence that a GRPCRoute's match means: a call is a POST to `/service/method`. */
export function grpcMatch(
  match: GRPCRouteMatch,
  rule: RuleContext,
  field: string,
): { match: RouteMatch; precedence: number[] } {
  const headers = values(match.headers, rule, `${field}.headers`, (name) => name.toLowerCase());
  const { path, precedence } = grpcPath(match.method, rule, `${field}.method`);
  return {
    match: { ...(path && { path }), ...(headers.length > 0 && { headers }), grpc: true },
    precedence: [...precedence, headers.length],
  };
}

/** Regular expressions, whose place the specification leaves open, come after exact names. */
const GRPC_RANK = { exact: 2, regex: 1, any: 0 } as const;

function grpcPath(
  method: GRPCRouteMatch["method"],
  rule: RuleContext,
  field: string,
): { path?: RouteMatch["path"]; precedence: number[] } {
  const { type = "Exact", service = "", method: name = "" } = method ?? {};
  if (service === "" && name === "") return { precedence: [GRPC_RANK.any, 0, 0] };
  const lengths = [service.length, name.length];
  if (type === "RegularExpression") {
    for (const [part, text] of Object.entries({ service, method: name }).filter(([, text]) => text !== ""))
      expression(text, rule, `${field}.${part}`);
    const value = `/${grouped(service)}/${grouped(name)}`;
    return { path: { kind: "regex", value }, precedence: [GRPC_RANK.regex, ...lengths] };
  }
  if (type !== "Exact") rejectRule(rule, `${field}.type`, `${String(type)} is not supported`);
  const precedence = [GRPC_RANK.exact, ...lengths];
  if (name === "") return { path: { kind: "prefix", value: `/${service}` }, precedence };
  if (service !== "") return { path: { kind: "exact", value: `/${service}/${name}` }, precedence };
  return { path: { kind: "regex", value: `/[^/]+/${escaped(name)}` }, precedence };
}

const grouped = (text: string) => (text === "" ? "[^/]+" : `(?:${text})`);
const escaped = (text: string) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
