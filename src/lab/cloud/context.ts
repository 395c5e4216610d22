import type { Informer, KubeClient } from "../../client/index.ts";
import type { Node, Service } from "../../objects/types.ts";
import type { ClusterPlan } from "../plan.ts";
import type { BalancerAddresses } from "./addresses.ts";

/** What the parts of the lab's cloud work with. */
export interface CloudContext {
  readonly client: KubeClient;
  readonly plan: ClusterPlan;
  readonly addresses: BalancerAddresses;
  readonly services: Informer<Service>;
  readonly nodes: Informer<Node>;
  readonly signal: AbortSignal;
  readonly log: (line: string) => void;
}
