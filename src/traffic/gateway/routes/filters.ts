/** The filters of a rule of an HTTPRoute or GRPCRoute. */
import type { HTTPPathModifier, HTTPRouteFilter } from "../../../objects/gateway/index.ts";
import type { HeaderChanges, Mirror, PathRewrite, Redirect } from "../model.ts";
import type { CorsPolicy } from "../policy-model.ts";
import { resolveBackendRef } from "./backend-ref.ts";
import { type RuleContext, rejectRule } from "./context.ts";
import { headerChanges, textProblem } from "./header-changes.ts";
import type { Speak } from "./protocol.ts";

/** What the filters of a rule come to. */
export interface RuleFilters {
  requestHeaders?: HeaderChanges | undefined;
  responseHeaders?: HeaderChanges | undefined;
  redirect?: RedirectFilter;
  rewrite?: { hostname?: string; path?: PathChange | undefined };
  cors?: CorsPolicy;
  readonly mirrors: Mirror[];
  /** An extension that is not known: requests must not pass (HTTPRouteFilter, `type`). */
  broken: boolean;
}

/** A path change before it is known which prefix a match has. */
export type PathChange = { readonly kind: "full" | "prefix"; readonly value: string };

/** A redirect before it is known which prefix a match has. */
export interface RedirectFilter extends Omit<Redirect, "path"> {
  readonly path?: PathChange | undefined;
}

/** Filters that may stand more than once in a rule. */
const REPEATABLE = ["RequestMirror", "ExtensionRef"];

const HTTP_FILTERS: Readonly<Record<string, FilterReader>> = {
  RequestHeaderModifier: (filter, result, { rule, field }) => {
    result.requestHeaders = headerChanges(
      filter.requestHeaderModifier,
      rule,
      `${field}.requestHeaderModifier`,
    );
  },
  ResponseHeaderModifier: (filter, result, { rule, field }) => {
    result.responseHeaders = headerChanges(
      filter.responseHeaderModifier,
      rule,
      `${field}.responseHeaderModifier`,
    );
  },
  RequestMirror: readMirror,
  RequestRedirect: readRedirect,
  URLRewrite: readRewrite,
  CORS: readCors,
  ExtensionRef: readExtension,
};

const GRPC_FILTERS = ["RequestHeaderModifier", "ResponseHeaderModifier", "RequestMirror", "ExtensionRef"];

interface Place {
  readonly rule: RuleContext;
  /** Relative to the rule: `filters[0]`. */
  readonly field: string;
  readonly speak: Speak;
}

type FilterReader = (filter: HTTPRouteFilter, result: RuleFilters, place: Place) => void;

/** Reads the filters of a rule; values that cannot be served reject it. */
export function readFilters(
  filters: readonly HTTPRouteFilter[],
  rule: RuleContext,
  speak: "http" | "grpc",
): RuleFilters {
  const result: RuleFilters = { mirrors: [], broken: false };
  const seen = new Set<string>();
  for (const [index, filter] of filters.entries()) {
    const field = `filters[${index}]`;
    const known = speak === "http" || GRPC_FILTERS.includes(filter.type);
    const read = known ? HTTP_FILTERS[filter.type] : undefined;
    if (read === undefined) rejectRule(rule, `${field}.type`, `filter ${filter.type} is not supported`);
    else if (seen.has(filter.type) && !REPEATABLE.includes(filter.type))
      rejectRule(rule, `${field}.type`, `${filter.type} stands there twice`, "IncompatibleFilters");
    else read(filter, result, { rule, field, speak });
    seen.add(filter.type);
  }
  if (seen.has("RequestRedirect") && seen.has("URLRewrite"))
    rejectRule(rule, "filters", "RequestRedirect and URLRewrite exclude each other", "IncompatibleFilters");
  return result;
}

function readMirror(filter: HTTPRouteFilter, result: RuleFilters, { rule, field, speak }: Place): void {
  const { requestMirror } = filter;
  if (requestMirror === undefined) {
    rejectRule(rule, field, "requestMirror is missing");
    return;
  }
  const { percent, fraction, backendRef } = requestMirror;
  const numerator = fraction?.numerator ?? percent ?? 100;
  const denominator = fraction === undefined ? 100 : (fraction.denominator ?? 100);
  if (denominator < 1 || numerator < 0 || numerator > denominator)
    rejectRule(rule, `${field}.requestMirror`, `${numerator}/${denominator} is no fraction`);
  const destination = resolveBackendRef(backendRef, {
    route: rule.route,
    field: `${rule.field}.${field}.requestMirror.backendRef`,
    speak,
    needs: numerator === 0 ? undefined : rule.needs,
  });
  if (destination !== undefined && numerator > 0)
    result.mirrors.push({ destination, numerator, denominator });
}

const REDIRECT_CODES: readonly number[] = [301, 302, 303, 307, 308] satisfies Redirect["status"][];

function readRedirect(filter: HTTPRouteFilter, result: RuleFilters, { rule, field: outer }: Place): void {
  const field = `${outer}.requestRedirect`;
  const { scheme, hostname, port, path, statusCode = 302 } = filter.requestRedirect ?? {};
  if (scheme !== undefined && scheme !== "http" && scheme !== "https")
    rejectRule(rule, `${field}.scheme`, `${scheme} is not supported; use http or https`);
  if (!REDIRECT_CODES.includes(statusCode))
    rejectRule(rule, `${field}.statusCode`, `${statusCode} is not one of ${REDIRECT_CODES.join(", ")}`);
  const change = readPath(path, rule, `${field}.path`);
  result.redirect = {
    ...(scheme !== undefined && { scheme }),
    ...(hostname !== undefined && { hostname }),
    ...(port !== undefined && { port }),
    ...(change && { path: change }),
    status: statusCode as Redirect["status"],
  };
}

function readRewrite(filter: HTTPRouteFilter, result: RuleFilters, { rule, field }: Place): void {
  const { hostname, path } = filter.urlRewrite ?? {};
  const change = readPath(path, rule, `${field}.urlRewrite.path`);
  result.rewrite = { ...(hostname !== undefined && { hostname }), ...(change && { path: change }) };
}

function readPath(
  path: HTTPPathModifier | undefined,
  rule: RuleContext,
  field: string,
): PathChange | undefined {
  if (path === undefined) return undefined;
  const text = path.type === "ReplaceFullPath" ? path.replaceFullPath : path.replacePrefixMatch;
  if (path.type !== "ReplaceFullPath" && path.type !== "ReplacePrefixMatch") {
    rejectRule(rule, `${field}.type`, `${path.type} is not supported`);
    return undefined;
  }
  const problem = textProblem(text ?? "");
  if (problem !== undefined) rejectRule(rule, field, problem);
  const value = (text ?? "").startsWith("/") ? (text ?? "") : `/${text ?? ""}`;
  return path.type === "ReplaceFullPath"
    ? { kind: "full", value }
    : { kind: "prefix", value: withoutSlash(value) };
}

/** A prefix without its trailing slash, which is ignored (HTTPPathModifier); `/` stays. */
export function withoutSlash(prefix: string): string {
  return prefix.replace(/\/+$/, "") || "/";
}

/** For a match with the given prefix (undefined: it has none), the rewrite that a path change means. */
export function pathRewrite(
  change: PathChange | undefined,
  prefix: string | undefined,
): PathRewrite | undefined {
  if (change === undefined) return undefined;
  if (change.kind === "full") return { kind: "full", value: change.value };
  return { kind: "prefix", prefix: prefix ?? "/", value: change.value };
}

/** What browsers may cache of a preflight by default, in seconds (HTTPCORSFilter, `maxAge`). */
const CORS_MAX_AGE = 5;

function readCors(filter: HTTPRouteFilter, result: RuleFilters, { rule, field }: Place): void {
  const { cors } = filter;
  if (cors === undefined) {
    rejectRule(rule, field, "cors is missing");
    return;
  }
  for (const [index, origin] of (cors.allowOrigins ?? []).entries())
    if (!isOrigin(origin))
      rejectRule(rule, `${field}.cors.allowOrigins[${index}]`, `${JSON.stringify(origin)} is no origin`);
  result.cors = {
    allowOrigins: cors.allowOrigins ?? [],
    allowMethods: cors.allowMethods ?? [],
    allowHeaders: cors.allowHeaders ?? [],
    exposeHeaders: cors.exposeHeaders ?? [],
    maxAge: cors.maxAge ?? CORS_MAX_AGE,
    allowCredentials: cors.allowCredentials ?? false,
  };
}

/** Whether a text is an origin (RFC 6454, 6.2), with stars where any name may stand; `null` is that of sandboxes. */
export function isOrigin(text: string): boolean {
  return text === "*" || text === "null" || /^[A-Za-z][A-Za-z0-9+.-]*:\/\/[^\s/]+$/.test(text);
}

/** No extension is known; the rule answers 500 rather than letting requests pass unfiltered. */
function readExtension(filter: HTTPRouteFilter, result: RuleFilters, { rule, field }: Place): void {
  const { group = "", kind = "", name = "" } = filter.extensionRef ?? {};
  result.broken = true;
  rule.route.badReferences.push({
    reason: "InvalidKind",
    message: `${rule.field}.${field}.extensionRef: ${kind} ${name} of ${group || "the core group"} is no filter that is known; requests get a 500`,
  });
}
