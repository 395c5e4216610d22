/**
 * The model that every output (kernel, envoy, dns, balancer) reads: names, their addresses per family, their ports,
 * and the backends behind each port. A name exists once; families are a property of its addresses.
 */
import type { Family, PerFamily } from "../ip/family.ts";

/** The protocol of a port. */
export type Protocol = "TCP" | "UDP" | "SCTP";

/**
 * Everything that outputs need. Keys of `frontends` are `namespace/name`. The traffic model hands out a live view: read
 * it at once, and keep single frontends (they never change) rather than the maps.
 */
export interface Snapshot {
  readonly frontends: ReadonlyMap<string, Frontend>;
  /** Namespaces that exist (DNS tells a missing namespace from a missing name). */
  readonly namespaces: ReadonlySet<string>;
}

/** One name that traffic is sent to. */
export interface Frontend {
  /** `namespace/name`. */
  readonly key: string;
  readonly namespace: string;
  readonly name: string;
  /** `virtual`: has addresses of its own; `headless`: resolves to its backends; `alias`: another name. */
  readonly kind: "virtual" | "headless" | "alias";
  /** The families in the order of preference, the primary one first. */
  readonly families: readonly Family[];
  /** The virtual address per family; none unless `virtual`. */
  readonly addresses: PerFamily<string>;
  /** Further addresses that clients outside use: external IPs, and balancer addresses of mode VIP. */
  readonly externalAddresses: PerFamily<readonly string[]>;
  readonly balancerAddresses: PerFamily<readonly string[]>;
  /** Where an alias points to. */
  readonly target?: string;
  readonly ports: readonly FrontendPort[];
  /** All backends of all ports (headless names resolve to them even without ports). */
  readonly backends: readonly Backend[];
  /** Seconds that a client sticks to a backend; undefined: no affinity. */
  readonly affinitySeconds?: number;
  readonly internalPolicy: "Cluster" | "Local";
  readonly externalPolicy: "Cluster" | "Local";
  readonly healthCheckPort?: number;
  /** CIDRs that may reach balancer addresses and balancer ports; undefined in a family: all. */
  readonly sourceRanges: PerFamily<readonly string[]>;
  /** When the last change of its endpoints happened, as ms since the epoch, where somebody has noted that. */
  readonly endpointsChangedAt?: PerFamily<number>;
}

/** A port of a frontend. */
export interface FrontendPort {
  /** Empty when the only port has no name. */
  readonly name: string;
  readonly protocol: Protocol;
  readonly port: number;
  /** The port on every node, when there is one. */
  readonly nodePort?: number;
  readonly appProtocol?: string;
  /** Backends with the port on which each one serves this. */
  readonly backends: readonly PortBackend[];
}

/** A backend and its port for one frontend port. */
export interface PortBackend {
  readonly backend: Backend;
  readonly port: number;
}

/** One thing that serves, usually a pod: once, with an address per family. */
export interface Backend {
  /** Stable identity: the pod's uid, else its namespace and name, else node and hostname, else its address. */
  readonly id: string;
  readonly addresses: PerFamily<string>;
  /** The pod, where the backend is one. */
  readonly pod?: { readonly namespace: string; readonly name: string };
  readonly hostname?: string;
  readonly node?: string;
  readonly zone?: string;
  /** What is known per family; a family is absent where the backend has no address of it. */
  readonly conditions: PerFamily<BackendConditions>;
  /** Zones and nodes that the backend is meant for (EndpointSlice hints); undefined: all. */
  readonly forZones?: readonly string[];
  readonly forNodes?: readonly string[];
}

/** Whether a backend takes traffic: the conditions of its endpoint, with the API's defaults filled in. */
export interface BackendConditions {
  readonly ready: boolean;
  readonly serving: boolean;
  readonly terminating: boolean;
}
