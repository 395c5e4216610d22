/** What `tandem status` tells, as `-o json` has it. */
import type { Family, PerFamily } from "../../ip/family.ts";
import type { Fault, PartState } from "../../lab/index.ts";

/** A cluster as it stands. What is known of the lab alone is missing for other clusters. */
export interface ClusterStatus {
  readonly running: true;
  /** Nothing is down: no problems. */
  readonly ok: boolean;
  /** The lab's name; undefined for a cluster of a kubeconfig. */
  readonly cluster?: string;
  /** The file, where one is known. */
  readonly kubeconfig?: string;
  /** URL of the API. */
  readonly server: string;
  /** In the cluster's order, as its nodes have addresses. */
  readonly families: readonly Family[];
  readonly versions: Versions;
  /** Processes of the lab: control plane, gateway, mesh, balancer, node agents. */
  readonly parts: readonly PartState[];
  readonly nodes: readonly NodeLine[];
  /** By namespace. */
  readonly pods: readonly PodsLine[];
  readonly gateways: readonly GatewayLine[];
  /** Services of type LoadBalancer. */
  readonly loadBalancers: readonly BalancerLine[];
  readonly sidecars: { readonly total: number; readonly ready: number };
  /** Made on purpose, in force. */
  readonly faults: readonly Fault[];
  readonly problems: readonly Problem[];
}

/** What `-o json` has where no cluster of the name is up. */
export interface NotRunning {
  readonly running: false;
  readonly ok: false;
  readonly cluster: string;
  /** This user's clusters that do run. */
  readonly others: readonly string[];
}

/** Versions of what takes part; undefined where it does not answer. */
export interface Versions {
  readonly tandem: string;
  readonly kubernetes?: string;
  readonly node: string;
  readonly envoy?: string;
}

/** A node: an address per family. */
export interface NodeLine {
  readonly name: string;
  readonly ready: boolean;
  /** Why it is not. */
  readonly reason?: string;
  readonly version: string;
  readonly addresses: PerFamily<string>;
  readonly podRanges: PerFamily<string>;
  readonly pods: number;
}

/** So many of how many. */
export interface Share {
  readonly ready: number;
  readonly total: number;
}

/** The pods of a namespace that are to run. */
export interface PodsLine extends Share {
  readonly namespace: string;
  /** Of the pods with an address of the family: those that are ready and answer over it, as far as was probed. */
  readonly families: PerFamily<Share>;
  /** Pods that have ended well. */
  readonly completed: number;
}

/** A Gateway. */
export interface GatewayLine {
  readonly namespace: string;
  readonly name: string;
  readonly programmed: boolean;
  readonly reason?: string;
  readonly addresses: readonly string[];
}

/** A Service of type LoadBalancer; without addresses it is pending. */
export interface BalancerLine {
  readonly namespace: string;
  readonly name: string;
  readonly addresses: readonly string[];
}

/** Something that is down, and what to do next. */
export interface Problem {
  readonly where: string;
  readonly why: string;
  readonly next: string;
}
