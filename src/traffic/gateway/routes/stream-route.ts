/** TLSRoute, TCPRoute and UDPRoute: one rule, whose connections go to backends by weight. */
import type { StreamRouteRule, TCPRoute, TLSRoute, UDPRoute } from "../../../objects/gateway/index.ts";
import { newNeeds, problemsOf, type RouteContext, routeContext, ruleContext } from "./context.ts";
import { forwardTo } from "./forwards.ts";
import type { References, StreamForward, TranslatedRoute, TranslatedStream } from "./types.ts";

/**
 * Translates a route of streams. Without a valid backend the forward has no shares that lead anywhere: connections are
 * closed.
 */
export function translateStreamRoute(
  object: TLSRoute | TCPRoute | UDPRoute,
  references: References,
): TranslatedRoute {
  const route = routeContext(object, references);
  const rules: readonly StreamRouteRule[] = object.spec.rules ?? [];
  if (rules.length > 1)
    route.notes.push(
      `spec.rules: the first of ${rules.length} rules is in force, as nothing tells them apart`,
    );
  const hostnames = "hostnames" in object.spec ? (object.spec.hostnames ?? []) : [];
  return {
    key: `${route.kind}/${route.key}`,
    kind: route.kind,
    hostnames,
    rules: [],
    stream: streamOf(rules[0] ?? {}, route),
    needs: newNeeds(),
    conditions: problemsOf(route, rules.length, []),
    lookups: route.references.lookups,
    backendTlsPolicies: route.backendTlsPolicies,
  };
}

function streamOf(rule: StreamRouteRule, route: RouteContext): TranslatedStream {
  const terminated = forwardOf(rule, route, false);
  const differs = route.kind === "TLSRoute" && route.backendTlsPolicies.size > 0;
  if (!differs) return { passthrough: terminated, terminated };
  // the references were found good or bad above; the second look is only for their other destinations
  const again: RouteContext = { ...route, badReferences: [], notes: [], backendTlsPolicies: new Set() };
  return { passthrough: forwardOf(rule, again, true), terminated };
}

function forwardOf(rule: StreamRouteRule, route: RouteContext, passthrough: boolean): StreamForward {
  const needs = newNeeds();
  const speak = route.kind === "UDPRoute" ? "udp" : "stream";
  const forward = forwardTo(rule.backendRefs ?? [], ruleContext(route, 0), { speak, needs, passthrough });
  return { forward: forward ?? { shares: [] }, needs };
}
