/**
 * The steps from what exists to what should, in an order in which nothing breaks before its successor works: security
 * groups, target groups with targets, load balancer, listeners; then, where another served until now, a wait until the
 * new one does; then the Service's status; then what is left over goes. Pure: the same input gives the same plan.
 */
import type { BareLoadBalancer } from "./api.ts";
import { generationFor, inGeneration, keptOf, mayDelete } from "./migration.ts";
import type { DesiredStack, LoadBalancer } from "./model.ts";
import { type ListenerOrder, orderOf } from "./plan/address-type.ts";
import type { PlanInput } from "./plan/input.ts";
import { type ListenerPlan, listenerSteps } from "./plan/listeners.ts";
import { type BalancerChanges, capacitySteps, changes, creation } from "./plan/load-balancer.ts";
import { type Leaving, leavingOf, leavingSteps, targetsOfLeaving } from "./plan/replaced.ts";
import { backendSteps } from "./plan/node-rules.ts";
import { obstacle } from "./plan/obstacles.ts";
import { frontendSteps } from "./plan/security-groups.ts";
import { anyHealthy, notReady, targetGroupSteps } from "./plan/target-groups.ts";
import type { Reference, Step } from "./steps.ts";

/** How often a load balancer or targets that are not ready yet are looked at, in milliseconds. */
const LOOK_AGAIN_MS = 15_000;

/** Steps in order; or why nothing may be done. */
export type Plan =
  | {
      readonly steps: readonly Step[];
      /** What is wished for, under the names that it has. */
      readonly desired: DesiredStack;
      /** What another controller made, and nobody said that it may go. */
      readonly leftBehind: readonly BareLoadBalancer[];
      /** The hostname of the status where no load balancer has it that can be seen. */
      readonly unseen: string | undefined;
    }
  | { readonly refused: string };

/** Plans what has to be done for one Service. */
export function planServe(input: PlanInput): Plan {
  const ours = input.current.loadBalancers;
  const predecessors = input.predecessors.map(({ balancer }) => balancer);
  const generation = generationFor(input.desired, ours, predecessors);
  const desired = inGeneration(input.desired, generation);
  const kept = keptOf(ours, desired);
  const refused = obstacle(input, desired, kept);
  if (refused !== undefined) return { refused };
  const leftBehind = predecessors.filter((balancer) => !mayDelete(balancer, input.annotations));
  const seen = [...ours, ...predecessors].some(({ dnsName }) => dnsName.toLowerCase() === input.hostname);
  const unseen = seen ? undefined : input.hostname;
  return { steps: new Planner(input, desired, kept).steps(), desired, leftBehind, unseen };
}

/** One plan in the making: each method gives the steps of one stage. */
class Planner {
  readonly #input: PlanInput;
  readonly #desired: DesiredStack;
  readonly #kept: LoadBalancer | undefined;
  readonly #leaving: readonly Leaving[];
  readonly #reference: Reference;
  readonly #order: ListenerOrder;

  constructor(input: PlanInput, desired: DesiredStack, kept: LoadBalancer | undefined) {
    this.#input = input;
    this.#desired = desired;
    this.#kept = kept;
    this.#reference = kept?.arn ?? desired.loadBalancer.name;
    const { current, predecessors, annotations } = input;
    this.#order = orderOf({ kept, desired, existing: current.targetGroups });
    const others = current.loadBalancers.filter((it) => it !== kept);
    this.#leaving = [
      ...others.map((it) => leavingOf(it, current.targetGroups)),
      ...predecessors
        .filter(({ balancer }) => mayDelete(balancer, annotations))
        .map(({ balancer, targetGroups }) => ({ balancer, targetGroups, protected: false })),
    ];
  }

  steps(): Step[] {
    const { current, externalTags, registered, backend } = this.#input;
    const { targetGroups } = this.#desired;
    const own = this.#frontend();
    const shared = backendSteps(backend, targetGroups);
    const [listening, late] = this.#listeners();
    const leaving = this.#leave();
    const balancer = this.#loadBalancer([own.group, shared.group]);
    return [
      ...own.before,
      ...shared.before,
      ...targetGroupSteps(targetGroups, current.targetGroups, { externalTags, registered }),
      ...targetsOfLeaving(this.#leaving, targetGroups, current.targetGroups, registered),
      ...balancer.early,
      ...listening.before,
      ...this.#moveWait(),
      ...this.#publication(),
      ...this.#swaps(listening),
      ...listening.after,
      ...balancer.late,
      ...late.before,
      ...this.#swaps(late),
      ...this.#unneededTargetGroups(leaving.staying),
      ...own.after,
      ...shared.after,
      ...leaving.steps,
      ...this.#unneededSecurityGroups(leaving.staying),
      ...this.#settling(),
      ...leaving.later,
    ];
  }

  /** Those before the address type changes, with what nobody wants any more; and those that only the new type allows. */
  #listeners(): [ListenerPlan, ListenerPlan] {
    const { before, after, anew } = this.#order;
    const existing = this.#kept?.listeners ?? [];
    const lateOnes = new Set(after.map(({ port }) => port).filter((port) => !anew.has(port)));
    const surroundings = {
      loadBalancer: this.#reference,
      targetGroups: this.#input.current.targetGroups,
      externalTags: this.#input.externalTags,
    };
    return [
      listenerSteps(before, { ...surroundings, existing: existing.filter((it) => !lateOnes.has(it.port)) }),
      listenerSteps(after, { ...surroundings, existing: existing.filter((it) => lateOnes.has(it.port)) }),
    ];
  }

  #swaps({ swaps, joined }: ListenerPlan): Step[] {
    return swaps.length > 0 ? [...this.#swapWait(joined), ...swaps] : [];
  }

  #frontend() {
    const { current, externalTags } = this.#input;
    const wanted = this.#desired.securityGroup;
    const existing = current.securityGroups.find(({ name }) => name === wanted?.name);
    return frontendSteps(wanted, existing, externalTags);
  }

  #loadBalancer(groups: readonly (Reference | undefined)[]): BalancerChanges {
    const wanted = this.#desired.loadBalancer;
    const all = new Set([...(wanted.securityGroups ?? []), ...groups.filter((it) => it !== undefined)]);
    const securityGroups = wanted.securityGroups === undefined && groups[0] === undefined ? [] : [...all];
    if (this.#kept === undefined) return { early: creation(wanted, securityGroups), late: [] };
    return changes(wanted, this.#kept, {
      securityGroups,
      external: this.#input.externalTags,
      typeAfterListeners: this.#order.typeAfterListeners,
    });
  }

  /** Whether the status says another load balancer until now. */
  #servedByAnother(): boolean {
    const { hostname } = this.#input;
    return hostname !== undefined && hostname !== this.#kept?.dnsName.toLowerCase();
  }

  /** Clients move with the status, so the new one has to serve first, unless what was before serves no one either. */
  #moveWait(): Step[] {
    if (!this.#servedByAnother()) return [];
    const { hostname, predecessors } = this.#input;
    const byPredecessor = predecessors.some(({ balancer }) => balancer.dnsName.toLowerCase() === hostname);
    const names = this.#desired.targetGroups.map(({ name }) => name);
    return [...this.#activeWait(), ...this.#healthWait(names, byPredecessor)];
  }

  #activeWait(): Step[] {
    if (this.#kept !== undefined && this.#kept.state !== "provisioning") return [];
    return [this.#wait("it is active")];
  }

  #wait(what: string): Step {
    const name = this.#kept?.name ?? this.#desired.loadBalancer.name;
    return { do: "wait", name, for: what, againAfterMs: LOOK_AGAIN_MS };
  }

  #healthWait(names: readonly string[], othersServe: boolean): Step[] {
    const { current, now } = this.#input;
    const serving =
      othersServe || anyHealthy(current.targetGroups.filter(({ name }) => !names.includes(name)));
    for (const group of this.#desired.targetGroups) {
      if (!names.includes(group.name)) continue;
      const existing = current.targetGroups.find(({ name }) => name === group.name);
      const why = notReady(group, existing, { serving, now });
      if (why !== undefined) return [this.#wait(`the targets of ${group.name} are healthy (${why})`)];
    }
    return [];
  }

  #swapWait(joined: readonly string[]): Step[] {
    const fresh = joined.find((name) => !this.#input.current.targetGroups.some((it) => it.name === name));
    return fresh === undefined
      ? this.#healthWait(joined, false)
      : [this.#wait(`the targets of ${fresh} are healthy`)];
  }

  #publication(): Step[] {
    const { hostname } = this.#input;
    if (hostname !== undefined && !this.#servedByAnother()) return [];
    return [{ do: "publish", target: this.#reference, from: hostname }];
  }

  /** After the status: what takes time without anything being broken meanwhile. */
  #settling(): Step[] {
    const active = this.#servedByAnother() ? [] : this.#activeWait();
    return [...active, ...capacitySteps(this.#desired.loadBalancer, this.#kept)];
  }

  #leave() {
    const { memory, now, graceMs } = this.#input;
    const keepProtected = this.#desired.loadBalancer.attributes["deletion_protection.enabled"] === "true";
    return leavingSteps(this.#leaving, memory, { now, graceMs, keepProtected });
  }

  /** Groups that nothing wants and no load balancer that stays uses. */
  #unneededTargetGroups(staying: readonly Leaving[]): Step[] {
    const wanted = new Set(this.#desired.targetGroups.map(({ name }) => name));
    const used = new Set(
      [...staying, ...this.#leaving].flatMap((it) => it.targetGroups.map(({ arn }) => arn)),
    );
    const { current, leftovers, annotations } = this.#input;
    const ours = current.targetGroups.filter(({ name, arn }) => !wanted.has(name) && !used.has(arn));
    const others = mayDelete(undefined, annotations) ? leftovers : [];
    return [...ours, ...others].map(({ name, arn }) => ({ do: "deleteTargetGroup", name, target: arn }));
  }

  #unneededSecurityGroups(staying: readonly Leaving[]): Step[] {
    const used = new Set(staying.flatMap(({ balancer }) => balancer.securityGroups));
    return this.#input.current.securityGroups
      .filter(({ name, id }) => name !== this.#desired.securityGroup?.name && !used.has(id))
      .map(({ name, id }) => ({ do: "deleteSecurityGroup", name, target: id }));
  }
}
