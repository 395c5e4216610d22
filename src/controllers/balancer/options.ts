import type { KubeClient } from "../../client/index.ts";
import type { EndpointSlice, Node, Service } from "../../objects/types.ts";
import type { TranslatedBalancer } from "../../traffic/balancer/model.ts";
import type { BalancerProvider } from "../../traffic/balancer/provider.ts";

/** Kept on every Service that something was made for, until all of it is gone. */
export const BALANCER_FINALIZER = "service.tandem.dev/resources";

/**
 * Services at work at once with the local provider: those that change together are one change of its Envoy, which costs
 * about as much for many as for one.
 */
export const LOCAL_WORKERS = 64;

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
  /** Services at work at once; 3 by default, as in the AWS Load Balancer Controller, whose account's rates are few. */
  readonly workers?: number;
  /** Milliseconds after which a Service that nothing happened to is compared with what exists; 10 minutes by default. */
  readonly resyncMs?: number;
  /** Orphans are looked for so often and deleted when so old, both in milliseconds; undefined: only when asked. */
  readonly sweep?: { readonly everyMs: number; readonly olderThanMs: number };
  /** What was made for a Service that went without clean-up goes so long after it, in milliseconds; 0 by default: at once. */
  readonly goneGraceMs?: number;
  readonly now?: () => Date;
  readonly log?: (line: string) => void;
}
