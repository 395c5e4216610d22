/** Everything about one Gateway that does not depend on routes: parameters, families, addresses, listeners. */
import { isIP } from "node:net";
import type { Family } from "../../ip/family.ts";
import {
  type EnvoyProxy,
  GATEWAY_GROUP,
  type Gateway,
  type GatewayAddress,
  type GatewayParameters,
  type ListenerSet,
  type ObjectReference,
  TANDEM_GROUP,
} from "../../objects/gateway/index.ts";
import { choosesNamespace, type NamespaceLabels } from "./attach.ts";
import { chooseFamilies, type FamilyWish, familyWish } from "./families.ts";
import { certificateFor, type SecretCertificate } from "./listener-tls.ts";
import { type ResolvedListener, resolveListeners } from "./listeners.ts";
import { withClientSettings } from "./listener-policies.ts";
import type { PolicyReferences } from "./policies/index.ts";
import { type Port, portsOf } from "./ports.ts";
import type { LookupKey, RecordingReferences } from "./references.ts";

/** Parameters of either kind, by `kind/namespace/name`. */
export type ParametersLookup = (key: LookupKey) => GatewayParameters | EnvoyProxy | undefined;

/** What a parametersRef comes to. */
export interface ResolvedParameters {
  readonly parameters?: GatewayParameters | EnvoyProxy;
  /** Why the reference is not valid. */
  readonly problem?: string;
}

/** A ListenerSet that names the Gateway, and whether it may. */
export interface SetResolution {
  readonly set: ListenerSet;
  readonly key: string;
  readonly allowed: boolean;
  readonly listeners: readonly ResolvedListener[];
}

/** A Gateway with all that it refers to. */
export interface Resolution {
  readonly gateway: Gateway;
  readonly parameters: ResolvedParameters;
  readonly wish: FamilyWish;
  readonly families: readonly Family[];
  /** Addresses asked for; `::` and `0.0.0.0` or no value: any of that family, or any. */
  readonly addresses: readonly GatewayAddress[];
  /** Why the addresses asked for cannot be had, ever. */
  readonly addressProblem?: string;
  readonly clientCertificate?: SecretCertificate;
  /** The Gateway's own, then those of its ListenerSets. */
  readonly listeners: readonly ResolvedListener[];
  /** By `Gateway/ns/name` or `ListenerSet/ns/name`. */
  readonly listenersOf: ReadonlyMap<string, readonly ResolvedListener[]>;
  readonly sets: readonly SetResolution[];
  readonly ports: readonly Port[];
  readonly lookups: ReadonlySet<LookupKey>;
}

/** What resolving needs to know of the rest of the cluster. */
export interface Surroundings {
  readonly references: RecordingReferences;
  readonly policies: PolicyReferences;
  readonly parameters: ParametersLookup;
  readonly labels: NamespaceLabels;
  readonly clusterFamilies: readonly Family[];
  /** The GatewayClass's parameters, which a Gateway's own replace. */
  readonly classParameters: ResolvedParameters;
}

/** Resolves a Gateway; `sets` are all ListenerSets that name it. */
export function resolveGateway(
  gateway: Gateway,
  sets: readonly ListenerSet[],
  surroundings: Surroundings,
): Resolution {
  const namespace = gateway.metadata.namespace ?? "";
  const lookups = new Set<LookupKey>();
  const own = gateway.spec.infrastructure?.parametersRef;
  const parameters =
    own === undefined
      ? surroundings.classParameters
      : resolveParameters(own, namespace, surroundings.parameters, lookups);
  const wish = familyWish(parameters.parameters);
  const allowed = inOrder(sets).map((set) => ({
    set,
    allowed: isAllowed(gateway, set, surroundings.labels, lookups),
  }));
  const accepted = allowed.filter((entry) => entry.allowed).map(({ set }) => set);
  const listeners = resolveListeners(gateway, accepted, surroundings.references).map((listener) =>
    withClientSettings(listener, `${namespace}/${gateway.metadata.name}`, surroundings.policies, lookups),
  );
  const listenersOf = Map.groupBy(listeners, ({ owner }) => `${owner.kind}/${owner.key}`);
  const addressProblem = unsupportedAddress(gateway);
  const clientCertificate = resolveClientCertificate(gateway, surroundings.references);
  for (const key of surroundings.references.lookups) lookups.add(key);
  return {
    gateway,
    parameters,
    wish,
    families: chooseFamilies(wish, surroundings.clusterFamilies),
    addresses: gateway.spec.addresses ?? [],
    ...(addressProblem === undefined ? {} : { addressProblem }),
    ...(clientCertificate === undefined ? {} : { clientCertificate }),
    listeners,
    listenersOf,
    sets: allowed.map((entry) => withListeners(entry, listenersOf)),
    ports: portsOf(listeners),
    lookups,
  };
}

/** Finds what a parametersRef names: GatewayParameters, or Envoy Gateway's EnvoyProxy. */
export function resolveParameters(
  { group, kind, name, namespace }: ObjectReference,
  fallback: string,
  find: ParametersLookup,
  lookups: Set<LookupKey>,
): ResolvedParameters {
  const isOurs = group === TANDEM_GROUP && kind === "GatewayParameters";
  const isEnvoyProxy = group === "gateway.envoyproxy.io" && kind === "EnvoyProxy";
  if (!isOurs && !isEnvoyProxy)
    return {
      problem: `parametersRef: ${kind} of ${group || "the core group"} is not known: name a GatewayParameters of ${TANDEM_GROUP}, or an EnvoyProxy of gateway.envoyproxy.io`,
    };
  const key = `${kind}/${namespace ?? fallback}/${name}`;
  lookups.add(key);
  const parameters = find(key);
  return parameters === undefined ? { problem: `parametersRef: there is no ${key}` } : { parameters };
}

/** ListenerSets in order of precedence: the oldest first, then by name (ListenerSetSpec.listeners). */
function inOrder(sets: readonly ListenerSet[]): readonly ListenerSet[] {
  const rank = ({ metadata }: ListenerSet) =>
    `${metadata.creationTimestamp ?? ""} ${metadata.namespace ?? ""}/${metadata.name}`;
  return [...sets].sort((one, other) => (rank(one) < rank(other) ? -1 : 1));
}

function isAllowed(
  gateway: Gateway,
  { metadata }: ListenerSet,
  labels: NamespaceLabels,
  lookups: Set<LookupKey>,
): boolean {
  const choice = gateway.spec.allowedListeners?.namespaces;
  const namespace = metadata.namespace ?? "";
  if (choice?.from === "Selector") lookups.add(`Namespace/${namespace}`);
  return choosesNamespace(choice, "None", gateway.metadata.namespace ?? "", namespace, labels);
}

function withListeners(
  { set, allowed }: { set: ListenerSet; allowed: boolean },
  listenersOf: ReadonlyMap<string, readonly ResolvedListener[]>,
): SetResolution {
  const key = `${set.metadata.namespace ?? ""}/${set.metadata.name}`;
  return { set, key, allowed, listeners: listenersOf.get(`ListenerSet/${key}`) ?? [] };
}

function unsupportedAddress({ spec }: Gateway): string | undefined {
  for (const { type = "IPAddress", value } of spec.addresses ?? []) {
    if (type !== "IPAddress") return `addresses of type ${type} are not supported: use IPAddress`;
    if (value !== undefined && value !== "" && isIP(value) === 0) return `${value} is not an IP address`;
  }
  return undefined;
}

function resolveClientCertificate(
  { metadata, spec }: Gateway,
  references: RecordingReferences,
): SecretCertificate | undefined {
  const reference = spec.tls?.backend?.clientCertificateRef;
  if (reference === undefined) return undefined;
  const namespace = metadata.namespace ?? "";
  const origin = { kind: "Gateway", key: `${namespace}/${metadata.name}` };
  const holder = { kind: "Gateway", namespace };
  return certificateFor(reference, holder, references, "InvalidClientCertificateRef", origin);
}

/** Whether a reference from a route or ListenerSet means a Gateway; the kind is Gateway by default. */
export function refersToGateway({ group = GATEWAY_GROUP, kind = "Gateway" }: ObjectReference): boolean {
  return group === GATEWAY_GROUP && kind === "Gateway";
}
