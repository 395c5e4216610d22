/** HTTPRoute and GRPCRoute: rules with matches, filters and backends. */
import type {
  GRPCRoute,
  GRPCRouteRule,
  HTTPBackendRef,
  HTTPRoute,
  HTTPRouteRule,
} from "../../../objects/gateway/index.ts";
import type { HttpForward, RouteAction, RouteMatch, RouteRule } from "../model.ts";
import type { RoutePolicy } from "../policy-model.ts";
import {
  addNeeds,
  problemsOf,
  type RouteContext,
  type RuleContext,
  rejectRule,
  routeContext,
  ruleContext,
} from "./context.ts";
import { pathRewrite, type RuleFilters, readFilters } from "./filters.ts";
import { forwardTo, type ShareHeaders, shareHeaders } from "./forwards.ts";
import { grpcMatch, httpMatch } from "./matches.ts";
import { httpPrecedence } from "./precedence.ts";
import { readDuration, retryPolicy, sessionPersistence } from "./rule-policy.ts";
import type { References, TranslatedRoute, TranslatedRule } from "./types.ts";

/** Translates an HTTPRoute. */
export function translateHttpRoute(object: HTTPRoute, references: References): TranslatedRoute {
  const { rules } = object.spec;
  const context = routeContext(object, references);
  return finish(object, context, (rules?.length ?? 0) > 0 ? (rules ?? []) : [{}], translateHttpRule);
}

/** Translates a GRPCRoute; one without rules matches nothing but has its conditions. */
export function translateGrpcRoute(object: GRPCRoute, references: References): TranslatedRoute {
  const context = routeContext(object, references);
  return finish(object, context, object.spec.rules ?? [], translateGrpcRule);
}

/** One match with its place among all. */
interface Match {
  readonly match: RouteMatch;
  readonly precedence: readonly number[];
}

/** A rule before it is laid out over its matches. */
interface RuleParts {
  readonly name?: string | undefined;
  readonly matches: readonly Match[];
  readonly filters: RuleFilters;
  /** The action for one match: path rewrites depend on its prefix. */
  readonly action: (match: RouteMatch) => RouteAction;
  readonly policy?: RoutePolicy | undefined;
}

function finish<Rule>(
  object: HTTPRoute | GRPCRoute,
  route: RouteContext,
  specs: readonly Rule[],
  translate: (spec: Rule, rule: RuleContext, index: number) => RuleParts,
): TranslatedRoute {
  const rules: TranslatedRule[] = [];
  const dropped: RuleContext[] = [];
  for (const [index, spec] of specs.entries()) {
    const rule = ruleContext(route, index);
    const parts = translate(spec, rule, index);
    if (rule.problems.length > 0) {
      dropped.push(rule);
      continue;
    }
    addNeeds(route.needs, rule.needs);
    for (const entry of layOut(parts, route, index)) rules.push({ ...entry, position: rules.length });
  }
  return {
    key: `${route.kind}/${route.key}`,
    kind: route.kind,
    hostnames: object.spec.hostnames ?? [],
    rules,
    needs: route.needs,
    conditions: problemsOf(route, specs.length, dropped),
    lookups: route.references.lookups,
    backendTlsPolicies: route.backendTlsPolicies,
  };
}

function layOut(parts: RuleParts, route: RouteContext, index: number): Omit<TranslatedRule, "position">[] {
  const { filters, policy } = parts;
  const origin = { kind: route.kind, key: route.key, part: parts.name ?? `rule/${index}` };
  return parts.matches.map(({ match, precedence }, place) => {
    const rule: RouteRule = {
      name: `${route.kind.toLowerCase()}/${route.key}/rule/${index}/match/${place}`,
      match,
      action: parts.action(match),
      ...(filters.requestHeaders && { requestHeaders: filters.requestHeaders }),
      ...(filters.responseHeaders && { responseHeaders: filters.responseHeaders }),
      ...(policy && { policy }),
      origin,
    };
    return { rule, precedence, createdAt: route.createdAt, routeKey: route.key };
  });
}

function translateHttpRule(spec: HTTPRouteRule, rule: RuleContext, index: number): RuleParts {
  const filters = readFilters(spec.filters ?? [], rule, "http");
  const specs = (spec.matches?.length ?? 0) > 0 ? (spec.matches ?? []) : [{}];
  const matches = specs.map((match, place) => {
    const result = httpMatch(match, rule, `matches[${place}]`);
    return { match: result, precedence: httpPrecedence(result) };
  });
  checkPrefixes(filters, matches, rule);
  const requestTimeout = readDuration(spec.timeouts?.request, rule, "timeouts.request");
  const backendTimeout = readDuration(spec.timeouts?.backendRequest, rule, "timeouts.backendRequest");
  const timeouts = {
    ...(requestTimeout !== undefined && { requestTimeout }),
    ...(backendTimeout !== undefined && { backendTimeout }),
  };
  const retry = retryPolicy(spec, backendTimeout, rule);
  const session = sessionPersistence(
    spec.sessionPersistence,
    rule,
    index,
    matches.map(({ match }) => match),
  );
  const policy: RoutePolicy = {
    ...(retry && { retry }),
    ...(filters.cors && { cors: filters.cors }),
    ...(session && { sessionPersistence: session }),
  };
  return {
    name: spec.name,
    matches,
    filters,
    action: actionOf(filters, spec.backendRefs ?? [], rule, { ...timeouts, mirrors: filters.mirrors }),
    ...(Object.keys(policy).length > 0 && { policy }),
  };
}

/** ReplacePrefixMatch needs a prefix to replace (HTTPPathModifier). */
function checkPrefixes(
  { redirect, rewrite }: RuleFilters,
  matches: readonly Match[],
  rule: RuleContext,
): void {
  if (redirect?.path?.kind !== "prefix" && rewrite?.path?.kind !== "prefix") return;
  for (const [index, { match }] of matches.entries())
    if (match.path?.kind !== "prefix")
      rejectRule(rule, `matches[${index}].path.type`, "ReplacePrefixMatch goes with PathPrefix only");
}

function translateGrpcRule(spec: GRPCRouteRule, rule: RuleContext, index: number): RuleParts {
  const filters = readFilters(spec.filters ?? [], rule, "grpc");
  const specs = (spec.matches?.length ?? 0) > 0 ? (spec.matches ?? []) : [{}];
  const matches = specs.map((match, place) => grpcMatch(match, rule, `matches[${place}]`));
  const session = sessionPersistence(
    spec.sessionPersistence,
    rule,
    index,
    matches.map(({ match }) => match),
  );
  return {
    name: spec.name,
    matches,
    filters,
    action: actionOf(filters, spec.backendRefs ?? [], rule, { mirrors: filters.mirrors }),
    ...(session && { policy: { sessionPersistence: session } }),
  };
}

/** Statuses that mean "no valid backend": for gRPC the one that becomes UNAVAILABLE (GRPCRouteRule, `backendRefs`). */
const NO_BACKEND = { http: 500, grpc: 503 } as const;

/** What is done with a request, given the match that it came in by. */
function actionOf(
  filters: RuleFilters,
  refs: readonly HTTPBackendRef[],
  rule: RuleContext,
  http: HttpForward,
): (match: RouteMatch) => RouteAction {
  const speak = rule.route.kind === "GRPCRoute" ? "grpc" : "http";
  const headers = (index: number): ShareHeaders => {
    const ref = refs[index];
    return ref === undefined ? {} : shareHeaders(ref, rule, `backendRefs[${index}]`);
  };
  const forward = forwardTo(refs, rule, { speak, needs: rule.needs }, headers);
  const { redirect, rewrite } = filters;
  if (filters.broken) return () => ({ kind: "answer", status: NO_BACKEND[speak] });
  if (redirect !== undefined) {
    const { path, ...rest } = redirect;
    return (match) => {
      const change = pathRewrite(path, match.path?.value);
      return { kind: "redirect", redirect: { ...rest, ...(change && { path: change }) } };
    };
  }
  if (forward === undefined) return () => ({ kind: "answer", status: NO_BACKEND[speak] });
  const protocols = forward.shares.map(
    ({ destination }) => rule.needs.destinations.get(destination ?? "")?.protocol,
  );
  /** Upgrades are HTTP/1.1; every backend of the rule has to speak it. */
  const websocket = speak === "http" && protocols.every((protocol) => protocol !== "http2");
  const common = {
    ...http,
    websocket,
    ...(rewrite?.hostname !== undefined && { hostRewrite: rewrite.hostname }),
  };
  return (match) => {
    const change = pathRewrite(rewrite?.path, match.path?.value);
    return { kind: "forward", forward, http: change ? { ...common, pathRewrite: change } : common };
  };
}
