/** Gateway's and ListenerSets' listeners, resolved: what each serves, whom it lets in, and what is wrong with it. */
import type { Gateway, Listener, ListenerSet, RouteGroupKind } from "../../objects/gateway/index.ts";
import { type Fact, fails } from "./conditions.ts";
import { conflictsOf } from "./conflicts.ts";
import { hostnameOf } from "./hostnames.ts";
import { type ListenerTls, listenerTls } from "./listener-tls.ts";
import type { Origin } from "./model.ts";
import type { ClientPolicy } from "./policy-model.ts";
import { GATEWAY_GROUP, type RecordingReferences } from "./references.ts";
import type { RouteKind } from "./routes/types.ts";

/** Where a listener is written: the Gateway itself, or a ListenerSet. */
export interface ListenerOwner {
  readonly kind: "Gateway" | "ListenerSet";
  /** `namespace/name`. */
  readonly key: string;
  readonly namespace: string;
}

/** Protocols that can share a port: they tell each other's connections apart, or are on different transports. */
export type ProtocolGroup = "http" | "tls" | "tcp" | "udp";

/** One listener with all that it refers to. */
export interface ResolvedListener {
  /** Unique in the Gateway: the name, for ListenerSets after `namespace/name/`. */
  readonly id: string;
  readonly owner: ListenerOwner;
  readonly spec: Listener;
  /** Undefined for a protocol that is not supported. */
  readonly group?: ProtocolGroup;
  /** `*` for any. */
  readonly hostname: string;
  /** TLS is ended here. */
  readonly terminates: boolean;
  readonly supportedKinds: readonly RouteGroupKind[];
  readonly kinds: ReadonlySet<RouteKind>;
  /** Undefined: there is no conflict. */
  readonly conflict?: Fact;
  /** What is wrong, of type Accepted. */
  readonly notAccepted?: Fact;
  /** What is wrong, of type ResolvedRefs. */
  readonly unresolved?: Fact;
  /** For protocols with TLS that is ended here. */
  readonly security?: ListenerTls;
  /** What ClientTrafficPolicies say. */
  readonly client?: ClientPolicy;
  /** Traffic is served: accepted, without conflict, with all that it needs. */
  readonly serves: boolean;
  readonly origin: Origin;
}

const GROUPS: Readonly<Record<string, ProtocolGroup>> = {
  HTTP: "http",
  HTTPS: "tls",
  TLS: "tls",
  TCP: "tcp",
  UDP: "udp",
};

const KINDS: Readonly<Record<string, readonly RouteKind[]>> = {
  HTTP: ["HTTPRoute", "GRPCRoute"],
  HTTPS: ["HTTPRoute", "GRPCRoute"],
  TLS: ["TLSRoute"],
  TCP: ["TCPRoute"],
  UDP: ["UDPRoute"],
};

/** Ports that each proxy listens on for itself: admin, stats, readiness. */
const OWN_PORTS: ReadonlySet<number> = new Set([19_000, 19_001, 19_003]);

/** Resolves a Gateway's listeners and then those of its ListenerSets, which come in order of precedence. */
export function resolveListeners(
  gateway: Gateway,
  sets: readonly ListenerSet[],
  references: RecordingReferences,
): readonly ResolvedListener[] {
  const levels = [
    gateway.spec.listeners.map((spec) => prepare(spec, ownerOf("Gateway", gateway), gateway, references)),
    ...sets.map((set) =>
      set.spec.listeners.map((spec) => prepare(spec, ownerOf("ListenerSet", set), gateway, references)),
    ),
  ];
  const conflicts = conflictsOf(levels);
  return levels.flat().map((listener) => {
    const conflict = conflicts.get(listener.id);
    return conflict === undefined ? listener : { ...listener, conflict, serves: false };
  });
}

/** The owner that an object is. */
function ownerOf(kind: ListenerOwner["kind"], { metadata }: Gateway | ListenerSet): ListenerOwner {
  const namespace = metadata.namespace ?? "";
  return { kind, key: `${namespace}/${metadata.name}`, namespace };
}

function prepare(
  spec: Listener,
  owner: ListenerOwner,
  gateway: Gateway,
  references: RecordingReferences,
): ResolvedListener {
  const id = owner.kind === "Gateway" ? spec.name : `${owner.key}/${spec.name}`;
  const group = GROUPS[spec.protocol];
  const origin = { kind: owner.kind, key: owner.key, part: spec.name };
  const terminates =
    spec.protocol === "HTTPS" || (spec.protocol === "TLS" && spec.tls?.mode !== "Passthrough");
  const security = terminates ? listenerTls(spec, owner, gateway, references, origin) : undefined;
  const { supportedKinds, kinds, badKinds } = routeKinds(spec);
  const notAccepted = unsupported(spec) ?? security?.notAccepted;
  const unresolved = badKinds ?? security?.unresolved;
  return {
    id,
    owner,
    spec,
    ...(group === undefined ? {} : { group }),
    hostname: group === "tcp" || group === "udp" ? "*" : hostnameOf(spec.hostname),
    terminates,
    supportedKinds,
    kinds,
    ...(notAccepted === undefined ? {} : { notAccepted }),
    ...(unresolved === undefined ? {} : { unresolved }),
    ...(security === undefined ? {} : { security }),
    serves: notAccepted === undefined && (!terminates || security?.tls !== undefined),
    origin,
  };
}

function unsupported({ protocol, port }: Listener): Fact | undefined {
  if (GROUPS[protocol] === undefined)
    return fails(
      "Accepted",
      "UnsupportedProtocol",
      `protocol ${protocol} is not supported: use HTTP, HTTPS, TLS, TCP or UDP`,
    );
  if (OWN_PORTS.has(port))
    return fails(
      "Accepted",
      "PortUnavailable",
      `port ${port} is used by the proxy itself (admin, stats or readiness)`,
    );
  return undefined;
}

function routeKinds({ protocol, allowedRoutes }: Listener): {
  readonly supportedKinds: readonly RouteGroupKind[];
  readonly kinds: ReadonlySet<RouteKind>;
  readonly badKinds?: Fact;
} {
  const possible = KINDS[protocol] ?? [];
  const asked = allowedRoutes?.kinds;
  const isPossible = ({ group, kind }: RouteGroupKind) =>
    (group ?? GATEWAY_GROUP) === GATEWAY_GROUP && possible.some((name) => name === kind);
  const bad = asked?.find((entry) => !isPossible(entry));
  const chosen =
    asked === undefined || asked.length === 0
      ? possible
      : possible.filter((kind) => asked.some((entry) => entry.kind === kind && isPossible(entry)));
  const result = {
    supportedKinds: chosen.map((kind) => ({ group: GATEWAY_GROUP, kind })),
    kinds: new Set(chosen),
  };
  if (bad === undefined || possible.length === 0) return result;
  const message = `${bad.kind}${bad.group && bad.group !== GATEWAY_GROUP ? `.${bad.group}` : ""} cannot be served by protocol ${protocol}, which takes ${possible.join(" and ")}`;
  return { ...result, badKinds: fails("ResolvedRefs", "InvalidRouteKinds", message) };
}
