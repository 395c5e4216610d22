/**
 * Keeps the rules in the nodes' groups as wide as the load balancers of all Services need, and the shared group as long
 * as one does. What each Service needs is remembered from its last plan; what this process has not planned for yet is
 * told from the listing. Rules change for all Services alone: no plan is made beside.
 */
import { backendGroupOf } from "./backend.ts";
import { securityGroupsOf } from "./current.ts";
import type { Listing } from "./listing.ts";
import { type LoadBalancer, TAG } from "./model.ts";
import type { BareLoadBalancer } from "./api.ts";
import type { Tagged } from "./migration.ts";
import { isUsed } from "./orphans.ts";
import { backendRemoval, type NodeNeed, rangesOf, tidySteps } from "./plan/node-rules.ts";
import type { Step } from "./steps.ts";

interface Known extends NodeNeed {
  readonly uid: string;
}

/** The port of a target group whose targets each have their own (listeners.ts). */
const OWN_PORTS = 1;

/** What Services need, and which of them are at work. */
export class BackendRules {
  readonly #clusterName: string;
  readonly #needs = new Map<string, Known>();
  /** Services at work on something that may have the shared group: it must not go meanwhile. */
  readonly #atWork = new Set<string>();
  #tidying: Promise<unknown> | undefined;

  constructor(clusterName: string) {
    this.#clusterName = clusterName;
  }

  /** To be called before a Service's plan is made, and {@link leave} once it was done. */
  async enter(key: string): Promise<void> {
    while (this.#tidying !== undefined) await this.#tidying.catch(() => undefined);
    this.#atWork.add(key);
  }

  leave(key: string): void {
    this.#atWork.delete(key);
  }

  get busy(): boolean {
    return this.#atWork.size > 0;
  }

  /** Remembers what a Service needs; undefined: nothing, or nothing that is known. */
  needs({ key, uid }: { readonly key: string; readonly uid: string }, need: NodeNeed | undefined): void {
    if (need !== undefined) this.#needs.set(key, { ...need, uid });
    else if (this.#needs.get(key)?.uid === uid) this.forget(key);
  }

  forget(key: string): void {
    this.#needs.delete(key);
  }

  /** Does something while no other Service is at work; undefined where one is. */
  async alone<T>(key: string, work: () => Promise<T>): Promise<T | undefined> {
    const others = this.#atWork.size - Number(this.#atWork.has(key));
    if (others > 0 || this.#tidying !== undefined) return undefined;
    const tidying = work();
    this.#tidying = tidying;
    try {
      return await tidying;
    } finally {
      this.#tidying = undefined;
    }
  }

  /** Makes the rules follow, and removes the shared group after the last load balancer that had it. */
  tidySteps(listing: Listing): Step[] {
    const groups = securityGroupsOf(listing);
    const group = backendGroupOf(groups, this.#clusterName);
    if (group === undefined) return [];
    const needs = [...this.#needs.values()];
    if (needs.length === 0 && !isUsed(group.id, listing)) return backendRemoval(group, groups);
    const users = [...listing.loadBalancers.values()].filter((it) => it.securityGroups.includes(group.id));
    const others = users.filter((it) => !this.#knows(it)).map((it) => needOf(it, listing));
    return others.includes(undefined) ? [] : tidySteps(group, groups, [...needs, ...(others as NodeNeed[])]);
  }

  #knows({ tags }: Tagged<Pick<LoadBalancer, "arn">>): boolean {
    const known = this.#needs.get(tags[TAG.stack] ?? "");
    return known !== undefined && known.uid === tags[TAG.uid];
  }
}

/** What a load balancer needs as its target groups tell; undefined where they do not. */
function needOf({ arn }: BareLoadBalancer, listing: Listing): NodeNeed | undefined {
  const groups = [...listing.targetGroups.values()].filter(({ loadBalancers }) =>
    loadBalancers.includes(arn),
  );
  if (groups.some(({ targetType, port }) => targetType !== "instance" && port === OWN_PORTS))
    return undefined;
  return { groups: undefined, ranges: rangesOf(groups.map((it) => ({ ...it, targets: [] }))) };
}
