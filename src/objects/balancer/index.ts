/** The kinds of load balancers (`tandem.dev/v1alpha1`; their definitions are data/crds/tandem-balancer.json). */
import type { PerFamily } from "../../ip/family.ts";
import { TANDEM_GROUP } from "../gateway/parameters.ts";
import type { Kind } from "../kinds.ts";
import type { Condition, KubeObject, LabelSelector } from "../types.ts";

/** Addresses that the local load balancer may give to Services, of one family or of both. */
export interface LoadBalancerPool extends KubeObject {
  spec: {
    /** CIDRs, or `FIRST-LAST`. */
    ranges: PerFamily<string[]>;
    /** Default true. */
    autoAssign?: boolean;
    avoidBuggyIPs?: boolean;
    serviceSelector?: LabelSelector;
    namespaceSelector?: LabelSelector;
    announce?: { interface?: string };
  };
  status?: PerFamily<{ used?: string; free?: string }> & { conditions?: Condition[] };
}

/** The kinds, as KubeClient and informers want them. */
export const BALANCER_KINDS = {
  LoadBalancerPool: {
    group: TANDEM_GROUP,
    version: "v1alpha1",
    kind: "LoadBalancerPool",
    plural: "loadbalancerpools",
    singular: "loadbalancerpool",
    shortNames: ["lbpool"],
    categories: ["tandem"],
    namespaced: false,
    subresources: ["status"],
  },
} satisfies Record<string, Kind>;
