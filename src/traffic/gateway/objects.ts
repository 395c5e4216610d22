/** The objects that Gateways are made of, as they are now, with the ways from one to the others. */
import type {
  BackendTLSPolicy,
  EnvoyProxy,
  Gateway,
  GatewayClass,
  GatewayParameters,
  GRPCRoute,
  HTTPRoute,
  ListenerSet,
  ReferenceGrant,
  RouteObject,
  TCPRoute,
  TLSRoute,
  UDPRoute,
} from "../../objects/gateway/index.ts";
import type { Family } from "../../ip/family.ts";
import type { ConfigMap, KubeObject, Secret, Service } from "../../objects/types.ts";
import { addTo, removeFrom } from "./dependents.ts";
import {
  POLICY_KINDS,
  type PolicyKind,
  type PolicyObject,
  type PolicyReferences,
  type TargetKey,
  targetKeysOf,
} from "./policies/index.ts";
import type { BackendObject, LookupKey, References, RouteKind } from "./routes/types.ts";

/** The kinds that the translator takes in. */
export interface IntakeKinds {
  GatewayClass: GatewayClass;
  Gateway: Gateway;
  ListenerSet: ListenerSet;
  HTTPRoute: HTTPRoute;
  GRPCRoute: GRPCRoute;
  TLSRoute: TLSRoute;
  TCPRoute: TCPRoute;
  UDPRoute: UDPRoute;
  ReferenceGrant: ReferenceGrant;
  BackendTLSPolicy: BackendTLSPolicy;
  ClientTrafficPolicy: PolicyObject;
  BackendTrafficPolicy: PolicyObject;
  SecurityPolicy: PolicyObject;
  Service: Service;
  Secret: Secret;
  ConfigMap: ConfigMap;
  Namespace: KubeObject;
  Backend: BackendObject;
  GatewayParameters: GatewayParameters;
  EnvoyProxy: EnvoyProxy;
}

/** A kind that the translator takes in. */
export type IntakeKind = keyof IntakeKinds;

/** The kinds of routes. */
const ROUTE_KINDS: readonly RouteKind[] = ["HTTPRoute", "GRPCRoute", "TLSRoute", "TCPRoute", "UDPRoute"];

/** `namespace/name`, or the name alone for what has no namespace. */
export function keyOf({ metadata }: KubeObject): string {
  return metadata.namespace ? [metadata.namespace, metadata.name].join("/") : metadata.name;
}

/** The namespace in a key. */
export function namespaceOf(key: string): string {
  return key.slice(0, Math.max(0, key.indexOf("/")));
}

/** All objects by kind and key, with indexes over their references. */
export class ObjectStore implements References, PolicyReferences {
  readonly #kinds = new Map<IntakeKind, Map<string, KubeObject>>();
  readonly #grants = new Map<string, Set<string>>();
  readonly #policies = new Map<string, Set<string>>();
  /** Traffic policies (`SecurityPolicy/ns/name`) by what they are attached to (`Gateway/ns/name`). */
  readonly #trafficPolicies = new Map<TargetKey, Set<string>>();
  /** By `Gateway/ns/name` or `ListenerSet/ns/name`: routes (`HTTPRoute/ns/name`). */
  readonly #routesOf = new Map<string, Set<string>>();
  readonly #routesIn = new Map<string, Set<string>>();
  /** By the Gateway's key: ListenerSets. */
  readonly #setsOf = new Map<string, Set<string>>();
  readonly #gatewaysOf = new Map<string, Set<string>>();
  /** Those that proxies of the cluster have. */
  readonly families: readonly Family[];
  readonly objects: References = this;

  constructor(families: readonly Family[]) {
    this.families = families;
  }

  /** Stores an object, or takes it away; the result is the one that was there. */
  set<K extends IntakeKind>(
    kind: K,
    key: string,
    object: IntakeKinds[K] | undefined,
  ): IntakeKinds[K] | undefined {
    const objects = this.#kinds.get(kind) ?? new Map<string, KubeObject>();
    this.#kinds.set(kind, objects);
    const before = objects.get(key) as IntakeKinds[K] | undefined;
    if (object === undefined) objects.delete(key);
    else objects.set(key, object);
    this.#index(kind, key, before, object);
    return before;
  }

  /** One object. */
  get<K extends IntakeKind>(kind: K, key: string): IntakeKinds[K] | undefined {
    return this.#kinds.get(kind)?.get(key) as IntakeKinds[K] | undefined;
  }

  /** All objects of a kind. */
  *all<K extends IntakeKind>(kind: K): Iterable<IntakeKinds[K]> {
    for (const object of this.#kinds.get(kind)?.values() ?? []) yield object as IntakeKinds[K];
  }

  /** A route by `HTTPRoute/ns/name`. */
  route(id: string): (IntakeKinds[RouteKind] & RouteObject) | undefined {
    const [kind, key] = splitId(id);
    return this.get(kind as RouteKind, key);
  }

  service = (key: string): Service | undefined => this.get("Service", key);
  secret = (key: string): Secret | undefined => this.get("Secret", key);
  configMap = (key: string): ConfigMap | undefined => this.get("ConfigMap", key);
  backend = (key: string): BackendObject | undefined => this.get("Backend", key);

  grantsIn = (namespace: string): readonly ReferenceGrant[] =>
    found(this.#grants.get(namespace), (key) => this.get("ReferenceGrant", key));

  backendTlsPoliciesFor = (service: string): readonly BackendTLSPolicy[] =>
    found(this.#policies.get(service), (key) => this.get("BackendTLSPolicy", key));

  policiesFor = (target: TargetKey): readonly PolicyObject[] =>
    found(this.#trafficPolicies.get(target), (id) => this.policy(id));

  /** A traffic policy by `SecurityPolicy/ns/name`. */
  policy(id: string): PolicyObject | undefined {
    const [kind, key] = splitId(id);
    return this.get(kind as PolicyKind, key);
  }

  /** Parameters by `GatewayParameters/ns/name` or `EnvoyProxy/ns/name`. */
  parameters = (id: LookupKey): GatewayParameters | EnvoyProxy | undefined => {
    const [kind, key] = splitId(id);
    return this.get(kind as "GatewayParameters" | "EnvoyProxy", key);
  };

  /** Labels of a namespace. */
  labels = (namespace: string): Readonly<Record<string, string>> | undefined => {
    const object = this.get("Namespace", namespace);
    return object && (object.metadata.labels ?? {});
  };

  /** The ListenerSets that name a Gateway. */
  setsOf(gateway: string): readonly ListenerSet[] {
    return found(this.#setsOf.get(gateway), (key) => this.get("ListenerSet", key));
  }

  /** The Gateways of a class, by key. */
  gatewaysOf(gatewayClass: string): Iterable<string> {
    return this.#gatewaysOf.get(gatewayClass) ?? [];
  }

  /** Routes that name a Gateway or ListenerSet (`Gateway/ns/name`). */
  routesOf(parent: string): Iterable<string> {
    return this.#routesOf.get(parent) ?? [];
  }

  /** Routes in a namespace. */
  routesIn(namespace: string): Iterable<string> {
    return this.#routesIn.get(namespace) ?? [];
  }

  #index(kind: IntakeKind, key: string, before: KubeObject | undefined, after: KubeObject | undefined): void {
    for (const [object, change] of [
      [before, removeFrom],
      [after, addTo],
    ] as const) {
      if (object === undefined) continue;
      for (const [index, at] of this.#places(kind, object))
        change(index, at, isRoute(kind) || isTrafficPolicy(kind) ? `${kind}/${key}` : key);
    }
  }

  /** Where an object is to be found: in which index, under what. */
  #places(kind: IntakeKind, object: KubeObject): readonly (readonly [Map<string, Set<string>>, string])[] {
    const namespace = object.metadata.namespace ?? "";
    if (isRoute(kind)) {
      const parents = parentsOf(object as RouteObject).map((parent) => [this.#routesOf, parent] as const);
      return [...parents, [this.#routesIn, namespace]];
    }
    if (kind === "ReferenceGrant") return [[this.#grants, namespace]];
    if (kind === "Gateway") return [[this.#gatewaysOf, (object as Gateway).spec.gatewayClassName]];
    if (kind === "ListenerSet") return [[this.#setsOf, gatewayOfSet(object as ListenerSet)]];
    if (kind === "BackendTLSPolicy")
      return targetsOf(object as BackendTLSPolicy).map((service) => [this.#policies, service] as const);
    if (isTrafficPolicy(kind))
      return targetKeysOf(object as PolicyObject).map((target) => [this.#trafficPolicies, target] as const);
    return [];
  }
}

/** Whether a kind is one of traffic policies. */
export function isTrafficPolicy(kind: string): kind is PolicyKind {
  return POLICY_KINDS.some((name) => name === kind);
}

/** Whether a kind is one of routes. */
export function isRoute(kind: string): kind is RouteKind {
  return ROUTE_KINDS.some((name) => name === kind);
}

/** Whether we write statuses of a kind. */
export function isStatusKind(kind: string): boolean {
  const others = ["GatewayClass", "Gateway", "ListenerSet", "BackendTLSPolicy"];
  return isRoute(kind) || isTrafficPolicy(kind) || others.includes(kind);
}

/** `HTTPRoute/ns/name` into `HTTPRoute` and `ns/name`. */
export function splitId(id: string): readonly [string, string] {
  const slash = id.indexOf("/");
  return [id.slice(0, slash), id.slice(slash + 1)];
}

/** The parents that a route names, as `Gateway/ns/name`, whatever their group. */
export function parentsOf({ metadata, spec }: RouteObject): readonly string[] {
  const own = metadata.namespace ?? "";
  const parents = (spec.parentRefs ?? []).map(
    ({ kind = "Gateway", namespace = own, name }) => `${kind}/${namespace}/${name}`,
  );
  return [...new Set(parents)];
}

/** The key of the Gateway that a ListenerSet names. */
export function gatewayOfSet({ metadata, spec }: ListenerSet): string {
  return `${spec.parentRef.namespace ?? metadata.namespace ?? ""}/${spec.parentRef.name}`;
}

/** The keys of the Services that a policy targets. */
export function targetsOf({ metadata, spec }: BackendTLSPolicy): readonly string[] {
  const services = spec.targetRefs.filter(({ group, kind }) => group === "" && kind === "Service");
  return [...new Set(services.map(({ name }) => `${metadata.namespace ?? ""}/${name}`))];
}

/** In the order of keys, so that nothing depends on the order of arrival. */
function found<T>(keys: ReadonlySet<string> | undefined, get: (key: string) => T | undefined): readonly T[] {
  if (keys === undefined) return [];
  return [...keys].sort().flatMap((key) => get(key) ?? []);
}
