/** Statuses of policies: the same conditions on every Gateway that a policy is in force on. */
import type { PolicyStatus } from "../../objects/gateway/index.ts";
import type { KubeObject, Service } from "../../objects/types.ts";
import { conditionsOf, type Fact, fails, type Moment } from "./conditions.ts";
import { equal } from "./equality.ts";
import { gatewayOfSet, isRoute, parentsOf, splitId } from "./objects.ts";
import {
  type PolicyObject,
  type PolicySurroundings,
  type TargetKey,
  targetKeysOf,
} from "./policies/index.ts";
import { GATEWAY_GROUP } from "./references.ts";
import type { StatusSources } from "./status-book.ts";

/** The API allows no more (PolicyStatus.ancestors). */
const MAX_ANCESTORS = 16;

/** The status of a policy, others' entries kept; undefined where there is nothing of ours to say, or to take back. */
export function policyStatus(
  policy: KubeObject,
  gateways: readonly string[],
  facts: (gateway: string) => readonly Fact[],
  controllerName: string,
  before: PolicyStatus | undefined,
  moment: Moment,
): PolicyStatus | undefined {
  const others = (before?.ancestors ?? []).filter((entry) => entry.controllerName !== controllerName);
  if (gateways.length === 0 && others.length === (before?.ancestors ?? []).length) return undefined;
  const ours = gateways.map((gateway) => {
    const [namespace = "", name = ""] = gateway.split("/");
    const ancestorRef = { group: GATEWAY_GROUP, kind: "Gateway", namespace, name };
    const old = before?.ancestors.find(
      (entry) => entry.controllerName === controllerName && equal(entry.ancestorRef, ancestorRef),
    );
    return {
      ancestorRef,
      controllerName,
      conditions: conditionsOf(facts(gateway), old?.conditions, policy.metadata.generation, moment),
    };
  });
  return { ancestors: [...others, ...ours].slice(0, MAX_ANCESTORS) };
}

/** The Gateways that a traffic policy is in force on, sorted. */
export function gatewaysOfTraffic(policy: PolicyObject, sources: StatusSources): readonly string[] {
  const gateways = new Set<string>();
  for (const target of targetKeysOf(policy))
    for (const gateway of gatewaysUnder(target, sources)) gateways.add(gateway);
  return [...gateways].sort();
}

function gatewaysUnder(
  target: TargetKey,
  { proxies, objects, routes, dependents }: StatusSources,
): readonly string[] {
  const [kind, key] = splitId(target);
  if (kind === "Gateway") return proxies.has(key) ? [key] : [];
  if (kind === "ListenerSet") {
    const set = objects.get("ListenerSet", key);
    const gateway = set && gatewayOfSet(set);
    return gateway !== undefined && proxies.has(gateway) ? [gateway] : [];
  }
  const ids = isRoute(kind) ? [target] : [...dependents.of(`Policies/${target}`)];
  const parents = ids.flatMap((id) => routes.get(id)?.parents ?? []);
  return parents.filter(({ accepted }) => accepted.status === "True").map(({ gateway }) => gateway);
}

/** What a traffic policy's conditions depend on. */
export function policySurroundings({ objects, routes, proxies }: StatusSources): PolicySurroundings {
  const isAttached = (route: string) =>
    routes.get(route)?.parents.some(({ accepted }) => accepted.status === "True") ?? false;
  return {
    policiesFor: objects.policiesFor,
    objects,
    sections(target) {
      const [kind, key] = splitId(target);
      if (isRoute(kind)) {
        const { rules = [] } = (objects.route(target)?.spec ?? {}) as { rules?: { name?: string }[] };
        return objects.route(target) && rules.flatMap(({ name }) => name ?? []);
      }
      if (kind === "Gateway") return objects.get(kind, key)?.spec.listeners.map(({ name }) => name);
      if (kind === "ListenerSet") return objects.get(kind, key)?.spec.listeners.map(({ name }) => name);
      if (kind === "Backend") return objects.backend(key) && [];
      return portNames(objects.service(key));
    },
    policiesOf: (kind) => objects.all(kind),
    isUnder(route, target) {
      const [kind, key] = splitId(target);
      // what is under a Gateway's ListenerSets is under the Gateway
      if (kind === "Gateway") return proxies.get(key)?.has(route) ?? false;
      const object = objects.route(route);
      return object !== undefined && parentsOf(object).includes(target) && isAttached(route);
    },
  };
}

function portNames(service: Service | undefined): readonly string[] | undefined {
  return service && (service.spec.ports ?? []).flatMap(({ name }) => name ?? []);
}

/** What a proxy refused of a policy takes the place of Accepted. */
export function withRefusal(
  facts: readonly Fact[],
  refused: ReadonlyMap<string, string> | undefined,
): readonly Fact[] {
  if (refused === undefined || refused.size === 0) return facts;
  const message = `the proxy refused it: ${[...new Set(refused.values())].join("; ")}`;
  return [fails("Accepted", "Invalid", message), ...facts.filter(({ type }) => type !== "Accepted")];
}
