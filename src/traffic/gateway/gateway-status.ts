/** The statuses of Gateways, ListenerSets and GatewayClasses. */
import { isIPv6 } from "node:net";
import type { Family } from "../../ip/family.ts";
import type {
  GatewayAddress,
  GatewayClass,
  GatewayClassStatus,
  GatewayStatus,
  ListenerSetStatus,
} from "../../objects/gateway/index.ts";
import { conditionsOf, type Fact, fails, holds, type Moment } from "./conditions.ts";
import { dualStackFact, type Reach } from "./families.ts";
import { SUPPORTED_FEATURES } from "./features.ts";
import { isAccepted, type ListenerState, listenerStatus } from "./listener-status.ts";
import type { ResolvedListener } from "./listeners.ts";
import type { Resolution, ResolvedParameters, SetResolution } from "./resolution.ts";

/** What the controller reports about the infrastructure of a Gateway. */
export interface InfrastructureState {
  /** Where the Gateway is reached, the primary family first. */
  readonly addresses: readonly GatewayAddress[];
  /** Families of the Service without an address, and why. */
  readonly missing?: readonly { readonly family: Family; readonly why: string }[];
  /** Why it is not programmed: `AddressNotUsable`, `AddressNotAssigned`, `NoResources`, `Pending`. */
  readonly problems?: readonly { readonly reason: string; readonly message: string }[];
}

/** What is known of a Gateway beyond its specification. */
export interface GatewayState {
  readonly infrastructure?: InfrastructureState;
  readonly applied: boolean;
  /** What the proxy refused, by the object's `kind/namespace/name`, and there by the listener's name ("": all of it). */
  readonly rejections: ReadonlyMap<string, ReadonlyMap<string, string>>;
  /** By the listener's id. */
  readonly attachedRoutes: (listener: string) => number;
  readonly clusterFamilies: readonly Family[];
  readonly moment: Moment;
}

/** Condition types of a Gateway that are ours; others that are there are kept. */
const GATEWAY_TYPES: ReadonlySet<string> = new Set([
  "Accepted",
  "Programmed",
  "ResolvedRefs",
  "InsecureFrontendValidationMode",
  "ListenersNotValid",
  "Ready",
  "Scheduled",
  "tandem.dev/DualStack",
]);

/** The status of a Gateway; `before` is the one it has. */
export function gatewayStatus(
  resolution: Resolution,
  state: GatewayState,
  before: GatewayStatus | undefined,
): GatewayStatus {
  const { gateway, listeners, sets } = resolution;
  const { generation } = gateway.metadata;
  const accepted = acceptedFact(resolution);
  const facts = [
    accepted,
    programmedFact(resolution, accepted, state),
    resolvedRefsFact(resolution),
    dualStackFact(resolution.wish, state.clusterFamilies, reachOf(resolution, accepted, state)),
    ...insecureFact(resolution),
  ];
  const own = listeners.filter(({ owner }) => owner.kind === "Gateway");
  const addresses = (state.infrastructure?.addresses ?? []).map((address) => ({ ...address }));
  const isOurs = (type: string) => GATEWAY_TYPES.has(type);
  return {
    ...(addresses.length === 0 ? {} : { addresses }),
    conditions: conditionsOf(facts, before?.conditions, generation, state.moment, isOurs),
    listeners: own.map((listener) =>
      listenerStatus(listener, listenerState(listener, state), before?.listeners, generation, state.moment),
    ),
    attachedListenerSets: sets.filter(isAcceptedSet).length,
  };
}

/** Each ListenerSet asks for its Gateway's. */
const accepted = new WeakMap<Resolution, Fact>();

function acceptedFact(resolution: Resolution): Fact {
  const fact = accepted.get(resolution) ?? judge(resolution);
  accepted.set(resolution, fact);
  return fact;
}

function judge({ addressProblem, parameters, listeners }: Resolution): Fact {
  if (addressProblem !== undefined) return fails("Accepted", "UnsupportedAddress", addressProblem);
  if (parameters.problem !== undefined) return fails("Accepted", "InvalidParameters", parameters.problem);
  const bad = listeners.filter((listener) => !isAccepted(listener));
  if (bad.length === 0) return holds("Accepted", "Accepted", passedOver(parameters));
  const own = bad.filter(({ owner }) => owner.kind === "Gateway");
  const names = own.map(({ spec }) => spec.name).join(", ");
  if (bad.length === listeners.length)
    return fails("Accepted", "ListenersNotValid", `no listener is valid: ${names}`);
  if (own.length === 0) return holds("Accepted", "Accepted");
  const good = listeners.filter((listener) => isAccepted(listener) && listener.owner.kind === "Gateway");
  const accepted = good.map(({ spec }) => spec.name).join(", ");
  return holds("Accepted", "ListenersNotValid", `listeners not valid: ${names}; accepted: ${accepted}`);
}

/** What an EnvoyProxy says beyond its families, so that nobody waits for it to take effect. */
function passedOver({ parameters }: ResolvedParameters): string | undefined {
  if (parameters?.kind !== "EnvoyProxy") return undefined;
  const others = Object.keys(parameters.spec ?? {}).filter((field) => field !== "ipFamily");
  if (others.length === 0) return undefined;
  const { namespace = "", name } = parameters.metadata;
  return `of EnvoyProxy ${namespace}/${name} only ipFamily is understood; not in force: ${others.join(", ")}`;
}

function programmedFact({ listeners }: Resolution, accepted: Fact, state: GatewayState): Fact {
  const [problem] = state.infrastructure?.problems ?? [];
  if (accepted.status !== "True") return fails("Programmed", "Invalid", `not accepted: ${accepted.message}`);
  if (problem !== undefined) return fails("Programmed", problem.reason, problem.message);
  if (state.infrastructure === undefined)
    return fails("Programmed", "Pending", "waiting for the proxy's infrastructure");
  if (state.infrastructure.addresses.length === 0)
    return fails("Programmed", "AddressNotAssigned", "no address has been assigned yet");
  if (!listeners.some(({ serves }) => serves))
    return fails("Programmed", "Invalid", "no listener can serve: see the conditions of the listeners");
  if (!state.applied)
    return fails("Programmed", "Pending", "waiting for the proxy to take the configuration in");
  return holds("Programmed", "Programmed");
}

function resolvedRefsFact({ clientCertificate, listeners }: Resolution): Fact {
  if (clientCertificate?.reason !== undefined)
    return fails("ResolvedRefs", clientCertificate.reason, clientCertificate.message);
  const bad = listeners.filter(
    ({ unresolved, owner }) => unresolved !== undefined && owner.kind === "Gateway",
  );
  if (bad.length === 0) return holds("ResolvedRefs", "ResolvedRefs");
  const message = bad.map(({ spec, unresolved }) => `${spec.name}: ${unresolved?.message ?? ""}`).join("; ");
  return fails("ResolvedRefs", "ListenersNotResolved", message);
}

/** There as long as clients get in without a valid certificate although one is asked for. */
function insecureFact({ gateway }: Resolution): readonly Fact[] {
  const frontend = gateway.spec.tls?.frontend;
  const validations = [frontend?.default, ...(frontend?.perPort ?? []).map(({ tls }) => tls)];
  if (!validations.some((tls) => tls?.validation?.mode === "AllowInsecureFallback")) return [];
  const message = "clients are let in without a valid certificate (mode AllowInsecureFallback)";
  return [holds("InsecureFrontendValidationMode", "ConfigurationChanged", message)];
}

function reachOf({ addresses: asked }: Resolution, accepted: Fact, { infrastructure }: GatewayState): Reach {
  const known = new Map(infrastructure?.missing?.map(({ family, why }) => [family, why]));
  const other = asked.length > 0 ? "spec.addresses asks for none" : "the Service has none";
  const whyNot = (family: Family) => known.get(family) ?? other;
  if (accepted.status !== "True") return { pending: `not accepted: ${accepted.message}`, whyNot };
  const found = infrastructure?.addresses ?? [];
  if (found.length === 0) return { pending: "there is no address yet; Programmed says why", whyNot };
  const addresses = found.filter(({ type }) => type === undefined || type === "IPAddress");
  if (addresses.length === 0) return { whyNot };
  return { addressed: addresses.map(({ value = "" }) => (isIPv6(value) ? "IPv6" : "IPv4")), whyNot };
}

function listenerState({ id, owner, spec }: ResolvedListener, state: GatewayState): ListenerState {
  const refused = state.rejections.get(`${owner.kind}/${owner.key}`);
  const rejection = refused?.get(spec.name) ?? refused?.get("");
  return {
    attachedRoutes: state.attachedRoutes(id),
    applied: state.applied,
    ...(rejection === undefined ? {} : { rejection }),
  };
}

/**
 * Whether a ListenerSet counts as attached: the Gateway allows it, and one of its listeners is valid. Other than for a
 * Gateway, a listener without a certificate that it may use is not (the suite's ListenerSetReferenceGrant).
 */
function isAcceptedSet({ allowed, listeners }: SetResolution): boolean {
  return allowed && listeners.some(({ serves }) => serves);
}

/** The status of a ListenerSet. */
export function listenerSetStatus(
  resolution: Resolution,
  set: SetResolution,
  state: GatewayState,
  before: ListenerSetStatus | undefined,
): ListenerSetStatus {
  const { generation } = set.set.metadata;
  const accepted = setAcceptedFact(resolution, set);
  const programmed = setProgrammedFact(accepted, state);
  return {
    conditions: conditionsOf([accepted, programmed], before?.conditions, generation, state.moment),
    listeners: set.listeners.map((listener) =>
      listenerStatus(listener, listenerState(listener, state), before?.listeners, generation, state.moment),
    ),
  };
}

function setAcceptedFact(resolution: Resolution, { allowed, listeners }: SetResolution): Fact {
  const { metadata } = resolution.gateway;
  if (!allowed)
    return fails(
      "Accepted",
      "NotAllowed",
      `Gateway ${metadata.namespace ?? ""}/${metadata.name} does not allow it (allowedListeners)`,
    );
  const parent = acceptedFact(resolution);
  if (parent.status !== "True" && parent.reason !== "ListenersNotValid")
    return fails("Accepted", "ParentNotAccepted", `the Gateway is not accepted: ${parent.message}`);
  const bad = listeners.filter(({ serves }) => !serves).map(({ spec }) => spec.name);
  if (bad.length === 0) return holds("Accepted", "Accepted");
  const message = `listeners not valid: ${bad.join(", ")}`;
  return bad.length === listeners.length
    ? fails("Accepted", "ListenersNotValid", message)
    : holds("Accepted", "ListenersNotValid", message);
}

function setProgrammedFact(accepted: Fact, { applied }: GatewayState): Fact {
  if (accepted.status !== "True") return fails("Programmed", accepted.reason, accepted.message);
  if (!applied) return fails("Programmed", "Pending", "waiting for the proxy to take the configuration in");
  return holds("Programmed", "Programmed");
}

/** The status of a GatewayClass of ours. */
export function gatewayClassStatus(
  { metadata, status: before }: GatewayClass,
  { problem }: ResolvedParameters,
  moment: Moment,
): GatewayClassStatus {
  const accepted =
    problem === undefined ? holds("Accepted", "Accepted") : fails("Accepted", "InvalidParameters", problem);
  const facts = [accepted, holds("SupportedVersion", "SupportedVersion", "Gateway API v1.6.3")];
  const isOurs = (type: string) => type === "Accepted" || type === "SupportedVersion";
  return {
    conditions: conditionsOf(facts, before?.conditions, metadata.generation, moment, isOurs),
    supportedFeatures: SUPPORTED_FEATURES.map(({ name }) => ({ name })),
  };
}
