/** What the plan for a Service is made of. */
import type { BareLoadBalancer } from "../api.ts";
import type { Tagged } from "../migration.ts";
import type { CurrentStack, DesiredStack, TargetGroup } from "../model.ts";
import type { Replaced } from "../steps.ts";
import type { Backend } from "./node-rules.ts";

/** All that a plan is made of. */
export interface PlanInput {
  readonly desired: DesiredStack;
  /** What is ours and this Service's. */
  readonly current: CurrentStack;
  /** What another controller made for this Service, with its target groups. */
  readonly predecessors: readonly Predecessor[];
  /** Target groups of predecessors that no load balancer uses any more. */
  readonly leftovers: readonly Pick<TargetGroup, "arn" | "name">[];
  /** Ids by name of all there is, others' things among them: names are for one. */
  readonly named: Named;
  /** The shared group, where nodes' groups are to let the load balancer in. */
  readonly backend: Backend | undefined;
  /** The Service's annotations, and the hostname that its status says. */
  readonly annotations: Readonly<Record<string, string>>;
  readonly hostname: string | undefined;
  readonly memory: readonly Replaced[];
  /** Milliseconds since 1970, and of the grace period. */
  readonly now: number;
  readonly graceMs: number;
  readonly externalTags: ReadonlySet<string>;
  /** Where others register targets in the same groups: those of this cluster, which alone are taken away. */
  readonly registered: ReadonlySet<string> | undefined;
}

/** A load balancer that another controller made for the Service. */
export interface Predecessor {
  readonly balancer: Tagged<BareLoadBalancer>;
  readonly targetGroups: readonly Pick<TargetGroup, "arn" | "name">[];
}

/** ARNs or ids by name. */
export interface Named {
  readonly loadBalancers: ReadonlyMap<string, string>;
  readonly targetGroups: ReadonlyMap<string, string>;
  readonly securityGroups: ReadonlyMap<string, string>;
}
