/** Routes that have a Service as a parent (GAMMA: GEP-1294, GEP-1324, GEP-1426). */
import type { GRPCRoute, HTTPRoute, ParentReference, ReferenceGrant } from "../../objects/gateway/index.ts";
import { type Fact, fails, holds } from "../gateway/conditions.ts";
import { keepItems } from "../gateway/equality.ts";
import type { Destination, Forward, RouteAction, RouteRule } from "../gateway/model.ts";
import { compareRules, ruleOnListener, type TranslatedRoute } from "../gateway/routes/index.ts";
import type { References } from "../gateway/routes/types.ts";
import type { FrontendPort } from "../model.ts";
import { protocolOf } from "./protocol.ts";
import type { PortRules } from "./services.ts";

/** Whether a parent is a Service. */
export function refersToService({ group, kind }: ParentReference): boolean {
  return kind === "Service" && (group === "" || group === "core");
}

/**
 * Lookups by which a route may send requests back to the Services of other namespaces that it has as parents, without a
 * ReferenceGrant: its callers could go there anyway (consumer routes, GEP-1426).
 */
export function withParentsGranted(source: References, route: HTTPRoute | GRPCRoute): References {
  const { namespace = "" } = route.metadata;
  const from = [{ group: "gateway.networking.k8s.io", kind: route.kind, namespace }];
  const grants = (route.spec.parentRefs ?? [])
    .filter((parent) => refersToService(parent) && (parent.namespace ?? namespace) !== namespace)
    .map(
      ({ namespace: home, name }): ReferenceGrant => ({
        apiVersion: "gateway.networking.k8s.io/v1",
        kind: "ReferenceGrant",
        metadata: { namespace: home ?? "", name },
        spec: { from, to: [{ group: "", kind: "Service", name }] },
      }),
    );
  return {
    ...(source.families && { families: source.families }),
    service: (key) => source.service(key),
    secret: (key) => source.secret(key),
    configMap: (key) => source.configMap(key),
    backend: (key) => source.backend(key),
    backendTlsPoliciesFor: (key) => source.backendTlsPoliciesFor(key),
    grantsIn: (home) => [
      ...source.grantsIn(home),
      ...grants.filter(({ metadata }) => metadata.namespace === home),
    ],
  };
}

/** What parentRefs tell ports by, and what says whether HTTP comes there. */
export type NamedPort = Pick<FrontendPort, "name" | "port" | "protocol" | "appProtocol">;

/** One parentRef of a route, and what became of it. */
export interface ServiceParent {
  readonly parentRef: ParentReference;
  /** `namespace/name` of the Service. */
  readonly service: string;
  readonly accepted: Fact;
}

/**
 * Attaches a route to a parent, given the Service's ports (undefined: there is no such Service).
 * @param aliasOf the Service with addresses that an ExternalName leads to: requests are known by these
 */
export function serviceParent(
  parentRef: ParentReference,
  service: string,
  ports: readonly NamedPort[] | undefined,
  aliasOf?: string,
): ServiceParent {
  const refuse = (message: string): ServiceParent => ({
    parentRef,
    service,
    accepted: fails("Accepted", "NoMatchingParent", message),
  });
  if (ports === undefined) return refuse(`Service ${service} does not exist`);
  if (aliasOf !== undefined)
    return refuse(
      `Service ${service} is another name of Service ${aliasOf}, and requests go to the addresses of that one; ` +
        "attach the route to it",
    );
  const named = ports.filter((port) => isNamed(parentRef, port));
  if (named.length === 0)
    return refuse(
      `Service ${service} has no TCP port ${parentRef.port ?? parentRef.sectionName ?? "at all"}`,
    );
  if (named.every(carriesBytes))
    return refuse(
      `no HTTP is looked for on port ${named.map(({ port }) => port).join(", ")} of Service ${service}, ` +
        "by its appProtocol or its name; have the name begin with http, or grpc",
    );
  return { parentRef, service, accepted: holds("Accepted", "Accepted") };
}

function isNamed({ port, sectionName }: ParentReference, known: NamedPort): boolean {
  return (
    known.protocol === "TCP" &&
    (port === undefined || port === known.port) &&
    (sectionName === undefined || sectionName === "" || sectionName === known.name)
  );
}

/** Whether connections to a port are passed on unseen, so that no rule for requests can be followed. */
function carriesBytes(port: NamedPort): boolean {
  return ["tcp", "tls"].includes(protocolOf(port));
}

/** A route of the mesh as it is in force. */
export interface MeshRoute {
  /** `HTTPRoute/namespace/name`. */
  readonly id: string;
  readonly namespace: string;
  readonly translated: TranslatedRoute;
  readonly parents: readonly ServiceParent[];
}

/** The rules of a Service's port: those of its own namespace for all, those of other namespaces for callers there. */
export function portRules(
  routes: readonly MeshRoute[],
  service: string,
  port: FrontendPort,
  before: PortRules | undefined,
): PortRules {
  const home = service.slice(0, service.indexOf("/"));
  const attached = routes.filter(
    ({ parents, translated }) =>
      translated.conditions.notAccepted === undefined &&
      parents.some(
        (parent) =>
          parent.service === service && parent.accepted.status === "True" && isNamed(parent.parentRef, port),
      ),
  );
  const groups = Map.groupBy(attached, ({ namespace }) => namespace);
  const sorted = (group: readonly MeshRoute[], old: readonly RouteRule[] | undefined) =>
    keepItems(old, sortedRules(group, port.port), ({ name }) => name);
  const producers = groups.get(home);
  const consumers = [...groups].filter(([namespace]) => namespace !== home).sort();
  return {
    ...(producers && { rules: sorted(producers, before?.rules) }),
    ...(consumers.length > 0 && {
      consumerRules: Object.fromEntries(
        consumers.map(([namespace, group]) => [namespace, sorted(group, before?.consumerRules?.[namespace])]),
      ),
    }),
  };
}

function sortedRules(routes: readonly MeshRoute[], port: number): readonly RouteRule[] {
  return routes
    .flatMap(({ translated }) => translated.rules)
    .sort(compareRules)
    .map(({ rule }) => ruleOnListener(rule, { port, scheme: "http" }));
}

/** A route whose destinations have a mesh's names instead of a Gateway's, and those that are more than plain ports. */
export function withMeshNames(
  route: TranslatedRoute,
  nameOf: (destination: Destination) => { readonly key: string; readonly isPlain: boolean },
): TranslatedRoute {
  const names = new Map<string, string>();
  const destinations = new Map<string, Destination>();
  for (const [key, destination] of route.needs.destinations) {
    const { key: next, isPlain } = nameOf(destination);
    names.set(key, next);
    if (!isPlain) destinations.set(next, { ...destination, key: next });
  }
  const rename = (key: string) => names.get(key) ?? key;
  const rules = route.rules.map((entry) => ({ ...entry, rule: renamedRule(entry.rule, rename) }));
  return { ...route, rules, needs: { ...route.needs, destinations } };
}

function renamedRule(rule: RouteRule, rename: (key: string) => string): RouteRule {
  const { action } = rule;
  if (action.kind !== "forward") return rule;
  const forward: Forward = {
    shares: action.forward.shares.map((share) =>
      share.destination === undefined ? share : { ...share, destination: rename(share.destination) },
    ),
  };
  const mirrors = action.http.mirrors.map((mirror) => ({
    ...mirror,
    destination: rename(mirror.destination),
  }));
  const renamed: RouteAction = { ...action, forward, http: { ...action.http, mirrors } };
  return { ...rule, action: renamed };
}
