import type { KubeClient } from "../../client/index.ts";
import type { EndpointSlice, Node, Service } from "../../objects/types.ts";
import type { TranslatedBalancer } from "../../traffic/balancer/model.ts";
import type { BalancerProvider } from "../../traffic/balancer/provider.ts";

/** Kept on every Service that something was made for, until all of it is gone. */
export const BALANCER_FINALIZER = "service.tandem.dev/resources";

/** What a Service is understood with. */
export interface BalancerCluster {
  readonly nodes: readonly Node[];
  /** Those of the Service at hand. */
  readonly endpointSlices: readonly EndpointSlice[];
  /** All of the namespace of the Service at hand: forward actions name others. */
  readonly services: readonly Service[];
}

/** Enough to see whose a Service is. */
export const NO_CLUSTER: BalancerCluster = { nodes: [], endpointSlices: [], services: [] };

/** What the controller of load balancers needs. */
export interface BalancerControllerOptions {
  readonly client: KubeClient;
  readonly provider: BalancerProvider;
  /** Pure: what a Service asks for, and whether it is ours. */
  readonly translate: (service: Service, cluster: BalancerCluster) => TranslatedBalancer;
  /** Milliseconds after which a Service that nothing happened to is compared with what exists; 10 minutes by default. */
  readonly resyncMs?: number;
  /** Orphans are looked for so often and deleted when so old, both in milliseconds; undefined: only when asked. */
  readonly sweep?: { readonly everyMs: number; readonly olderThanMs: number };
  /** What was made for a Service that went without clean-up goes so long after it, in milliseconds; 0 by default: at once. */
  readonly goneGraceMs?: number;
  readonly now?: () => Date;
  readonly log?: (line: string) => void;
}
