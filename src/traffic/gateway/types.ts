/** What goes into the Gateway model and what comes out of it. */
import type { Family } from "../../ip/family.ts";
import type {
  EnvoyProxy,
  GatewayAddress,
  GatewayClassStatus,
  GatewayParameters,
  GatewayStatus,
  ListenerSetStatus,
  PolicyStatus,
  RouteStatus,
} from "../../objects/gateway/index.ts";
import type { ObjectChange } from "../tracker.ts";
import type { InfrastructureState } from "./gateway-status.ts";
import type { Origin, ProxyModel } from "./model.ts";
import type { IntakeKind, IntakeKinds } from "./objects.ts";

export type { InfrastructureState } from "./gateway-status.ts";

/** How the model is made. */
export interface GatewayModelOptions {
  /** Of GatewayClasses that are ours: `tandem.dev/gateway-controller`. */
  readonly controllerName: string;
  /** The families of the cluster, the primary one first: what Gateways serve unless they say otherwise. */
  readonly clusterFamilies: readonly Family[];
  /** The time for conditions, RFC 3339 in seconds. */
  readonly now: () => string;
}

/** The kinds whose statuses we write, with their types. */
export interface StatusKinds {
  GatewayClass: GatewayClassStatus;
  Gateway: GatewayStatus;
  ListenerSet: ListenerSetStatus;
  HTTPRoute: RouteStatus;
  GRPCRoute: RouteStatus;
  TLSRoute: RouteStatus;
  TCPRoute: RouteStatus;
  UDPRoute: RouteStatus;
  BackendTLSPolicy: PolicyStatus;
  ClientTrafficPolicy: PolicyStatus;
  BackendTrafficPolicy: PolicyStatus;
  SecurityPolicy: PolicyStatus;
}

/** A kind whose status we write. */
export type StatusKind = keyof StatusKinds;

/** The status that an object is to have. */
export interface DesiredStatus {
  readonly kind: StatusKind;
  /** `namespace/name`; the name alone for a GatewayClass. */
  readonly key: string;
  readonly status: StatusKinds[StatusKind];
  /** Of the object that the status was computed from. */
  readonly generation?: number;
  /** Proxies whose configuration the status speaks of: keys of Gateways, sorted. */
  readonly proxies: readonly string[];
}

/** What a Gateway's infrastructure is made of. */
export interface GatewayInfrastructure {
  /** `namespace/name` of the Gateway. */
  readonly key: string;
  readonly uid?: string;
  /** False: do not make it; what is there may stay, and goes on serving. */
  readonly accepted: boolean;
  /** The preferred one first. */
  readonly families: readonly Family[];
  /** Both families are a must (`RequireDualStack`). */
  readonly requireBoth: boolean;
  /** Those asked for in the Gateway, all of type IPAddress if it is accepted. */
  readonly addresses: readonly GatewayAddress[];
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly parameters?: GatewayParameters | EnvoyProxy;
  readonly ports: readonly InfrastructurePort[];
}

/** A port that a Gateway is reached by. */
export interface InfrastructurePort {
  /** `tcp-443`. */
  readonly name: string;
  readonly transport: "TCP" | "UDP";
  /** The port of the Gateway, and the port of the proxy that it leads to. */
  readonly port: number;
  readonly bindPort: number;
}

/** What became different since the last time. */
export interface GatewayChanges {
  /** By the Gateway's key; undefined: there is no such proxy any more. */
  readonly proxies: ReadonlyMap<string, ProxyModel | undefined>;
  readonly infrastructure: ReadonlyMap<string, GatewayInfrastructure | undefined>;
  /** By `kind/namespace/name`. */
  readonly statuses: ReadonlyMap<string, DesiredStatus>;
}

/** Something that a proxy refused (NACK). */
export interface Rejection {
  readonly origin: Origin;
  readonly message: string;
}

/** Gateways of one controller, kept up to date by single changes of objects. */
export interface GatewayModel {
  /** Takes a change in. Nothing is computed before {@link GatewayModel.flush}, so a burst costs one computation. */
  on<K extends IntakeKind>(kind: K, change: ObjectChange<IntakeKinds[K]>): void;
  /** What the infrastructure has come to: addresses make a Gateway Programmed. */
  setInfrastructure(gateway: string, state: InfrastructureState | undefined): void;
  /** Whether the proxy has taken the configuration in; listeners are Programmed then. */
  setApplied(gateway: string, applied: boolean): void;
  /** Replaces what the proxy refuses at present; it is told in the statuses of the objects that it came from. */
  setRejected(gateway: string, rejections: readonly Rejection[]): void;
  /** Computes what the changes since the last time came to. Call it only once all objects are known after a start. */
  flush(): GatewayChanges;
  /** Calls the listener when there is something to flush after there was nothing; the result ends that. */
  onDirty(listener: () => void): () => void;
  /** A proxy as of the last flush. */
  proxy(gateway: string): ProxyModel | undefined;
  /** The keys of all proxies as of the last flush. */
  proxies(): Iterable<string>;
}
