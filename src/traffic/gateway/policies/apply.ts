/** Puts policies into a translated route, for one listener. */
import type { Destination, Forward, RouteAction, RouteRule } from "../model.ts";
import type { DestinationPolicy, RoutePolicy, TokenPolicy } from "../policy-model.ts";
import type { Needs, StreamForward, TranslatedRoute, TranslatedRule } from "../routes/types.ts";
import {
  type Level,
  listenerLevels,
  type Picked,
  pick,
  type RecordingPolicies,
  recordingPolicies,
} from "./pick.ts";
import { remembered } from "./remembered.ts";
import type { PoliciedRoute, PolicyReferences, PolicySite } from "./types.ts";

/**
 * The route with all policies that are in force for it on a listener. What the route itself says comes first, then the
 * most specific policy: of the rule, the route, the listener, its owner, the Gateway; for destinations those of the
 * Service's port and the Service come before all of these. Policies replace each other as a whole.
 */
export function applyPolicies(
  route: TranslatedRoute,
  site: PolicySite,
  references: PolicyReferences,
): PoliciedRoute {
  const recording = recordingPolicies(references);
  const levels = [{ key: route.key }, ...listenerLevels(site)];
  const plan: Plan = { route, levels, references: recording, ids: [] };
  const parts = { rules: route.rules.map((rule) => ruleParts(rule, plan)), stream: streamParts(plan) };
  const { lookups } = recording;
  if (plan.ids.every((id) => id === "")) return { route, lookups };
  return { route: remembered(route, plan.ids.join("\n"), () => assemble(route, parts)), lookups };
}

interface Plan {
  readonly route: TranslatedRoute;
  readonly levels: readonly Level[];
  readonly references: RecordingPolicies;
  /** What the result depends on, besides the route. */
  readonly ids: string[];
}

interface RuleParts {
  readonly rule: TranslatedRule;
  readonly backend: Picked | undefined;
  readonly security: Picked | undefined;
  readonly renamed: Renamed;
  readonly id: string;
}

/** Destinations by the key that they had, as the policies have them. */
type Renamed = ReadonlyMap<string, Destination>;

function ruleParts(rule: TranslatedRule, plan: Plan): RuleParts {
  const { origin, action } = rule.rule;
  const levels = [{ key: plan.route.key, section: origin.part }, ...plan.levels];
  const backend = pick("BackendTrafficPolicy", levels, plan.references);
  const security = pick("SecurityPolicy", levels, plan.references);
  const { renamed, id } = rename(keysOf(action), plan.route.needs, backend, plan.references);
  const ids = [backend?.id ?? "", security?.id ?? "", id];
  const own = ids.some((part) => part !== "") ? ids.join(" ") : "";
  plan.ids.push(own);
  return { rule, backend, security, renamed, id: own };
}

function keysOf(action: RouteAction): string[] {
  if (action.kind !== "forward") return [];
  const shares = action.forward.shares.flatMap(({ destination }) => destination ?? []);
  return [...shares, ...action.http.mirrors.map(({ destination }) => destination)];
}

/** The destinations that policies change, and what that depends on. */
function rename(
  keys: readonly string[],
  needs: Needs,
  outer: Picked | undefined,
  references: RecordingPolicies,
): { renamed: Renamed; id: string } {
  const renamed = new Map<string, Destination>();
  const ids: string[] = [];
  for (const key of new Set(keys)) {
    const destination = needs.destinations.get(key);
    if (destination === undefined) continue;
    const own = pick("BackendTrafficPolicy", backendLevels(destination), references);
    const picked = own ?? outer;
    const { destination: policy, preferFamily } = picked?.compiled ?? {};
    if (picked === undefined || (policy === undefined && preferFamily === undefined)) continue;
    if (own !== undefined) ids.push(`${key}=${own.id}`);
    const next = remembered(destination, picked.id, () => withPolicy(destination, picked));
    renamed.set(key, next);
  }
  return { renamed, id: ids.join(" ") };
}

function backendLevels({ origins }: Destination): readonly Level[] {
  return origins.flatMap(({ kind, key, part }) => [
    ...(part === undefined ? [] : [{ key: `${kind}/${key}`, section: part }]),
    { key: `${kind}/${key}` },
  ]);
}

function withPolicy(destination: Destination, { policy, compiled }: Picked): Destination {
  const { namespace = "", name } = policy.metadata;
  const preferFamily = destination.preferFamily ?? compiled.preferFamily;
  return {
    ...destination,
    key: `${destination.key}/policy/${namespace}.${name}`,
    ...(preferFamily && { preferFamily }),
    ...(compiled.destination && { policy: fitting(compiled.destination, destination) }),
    origins: [...destination.origins, { kind: policy.kind, key: `${namespace}/${name}` }],
  };
}

/** gRPC's health checks are calls: Envoy refuses them where HTTP/2 is not spoken. */
function fitting(policy: DestinationPolicy, { protocol }: Destination): DestinationPolicy {
  if (policy.activeHealthCheck?.kind !== "grpc" || protocol === "http2") return policy;
  const { activeHealthCheck: _, ...rest } = policy;
  return rest;
}

interface StreamParts {
  readonly forward: StreamForward;
  readonly renamed: Renamed;
}

function streamParts(plan: Plan): { passthrough: StreamParts; terminated: StreamParts } | undefined {
  const { stream } = plan.route;
  if (stream === undefined) return undefined;
  const backend = pick("BackendTrafficPolicy", plan.levels, plan.references);
  plan.ids.push(backend?.id ?? "");
  const parts = (forward: StreamForward): StreamParts => {
    const keys = forward.forward.shares.flatMap(({ destination }) => destination ?? []);
    const { renamed, id } = rename(keys, forward.needs, backend, plan.references);
    plan.ids.push(id);
    return { forward, renamed };
  };
  return { passthrough: parts(stream.passthrough), terminated: parts(stream.terminated) };
}

function assemble(
  route: TranslatedRoute,
  { rules, stream }: { rules: readonly RuleParts[]; stream: ReturnType<typeof streamParts> },
): TranslatedRoute {
  const destinations = new Map<string, Destination>();
  const done = rules.map((parts) =>
    parts.id === "" ? parts.rule : remembered(parts.rule, parts.id, () => policied(parts)),
  );
  const trust = new Map(route.needs.trust);
  const tokens = new Map<string, TokenPolicy>();
  for (const { security } of rules) {
    for (const [key, destination] of security?.needs?.destinations ?? []) destinations.set(key, destination);
    for (const [key, bundle] of security?.needs?.trust ?? []) trust.set(key, bundle);
    for (const [key, policy] of security?.needs?.tokens ?? []) tokens.set(key, policy);
  }
  for (const [index, { rule }] of done.entries())
    for (const key of keysOf(rule.action)) {
      const destination = find(key, rules[index]?.renamed) ?? route.needs.destinations.get(key);
      if (destination !== undefined) destinations.set(key, destination);
    }
  return {
    ...route,
    rules: done,
    needs: { ...route.needs, destinations, trust, ...(tokens.size > 0 && { tokens }) },
    ...(stream && {
      stream: { passthrough: streamed(stream.passthrough), terminated: streamed(stream.terminated) },
    }),
  };
}

function find(key: string, renamed: Renamed | undefined): Destination | undefined {
  for (const destination of renamed?.values() ?? []) if (destination.key === key) return destination;
  return undefined;
}

function policied({ rule: translated, backend, security, renamed }: RuleParts): TranslatedRule {
  const { rule } = translated;
  const policy: RoutePolicy = { ...backend?.compiled.route, ...security?.compiled.route, ...rule.policy };
  const next: RouteRule = {
    ...rule,
    action: policiedAction(rule.action, backend, security, renamed),
    ...(Object.keys(policy).length > 0 && { policy }),
  };
  return { ...translated, rule: next };
}

function policiedAction(
  action: RouteAction,
  backend: Picked | undefined,
  security: Picked | undefined,
  renamed: Renamed,
): RouteAction {
  // a SecurityPolicy that cannot be understood lets nobody in
  if (security !== undefined && security.compiled.problems.length > 0) return { kind: "answer", status: 500 };
  if (action.kind !== "forward") return action;
  const requestTimeout = action.http.requestTimeout ?? backend?.compiled.requestTimeout;
  const mirrors = action.http.mirrors.map((mirror) => ({
    ...mirror,
    destination: keyOf(mirror.destination, renamed),
  }));
  return {
    ...action,
    forward: rewritten(action.forward, renamed),
    http: { ...action.http, mirrors, ...(requestTimeout !== undefined && { requestTimeout }) },
  };
}

function keyOf(key: string, renamed: Renamed): string {
  return renamed.get(key)?.key ?? key;
}

function rewritten({ shares }: Forward, renamed: Renamed): Forward {
  return {
    shares: shares.map((share) =>
      share.destination === undefined ? share : { ...share, destination: keyOf(share.destination, renamed) },
    ),
  };
}

function streamed({ forward: { forward, needs }, renamed }: StreamParts): StreamForward {
  if (renamed.size === 0) return { forward, needs };
  const destinations = [...needs.destinations.values()].map(
    (destination) => renamed.get(destination.key) ?? destination,
  );
  return {
    forward: rewritten(forward, renamed),
    needs: {
      ...needs,
      destinations: new Map(destinations.map((destination) => [destination.key, destination])),
    },
  };
}
