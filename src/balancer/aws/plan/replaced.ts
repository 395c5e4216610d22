/**
 * What becomes of load balancers that gave way: remembered with a deadline once the status says the new one, kept until
 * then with their targets up to date, and deleted with what was theirs.
 */
import type { BareLoadBalancer } from "../api.ts";
import { type DesiredTargetGroup, type LoadBalancer, TAG, type TargetGroup } from "../model.ts";
import type { Replaced, Step } from "../steps.ts";
import { targetSteps } from "./target-groups.ts";

/** The attribute that keeps a load balancer from being deleted. */
export const PROTECTION = "deletion_protection.enabled";

/** A load balancer that gave way; `protected`: AWS would refuse to delete it as it is. */
export interface Leaving {
  readonly balancer: BareLoadBalancer;
  readonly protected: boolean;
  readonly targetGroups: readonly TargetGroupOfLeaving[];
}

type TargetGroupOfLeaving = Pick<TargetGroup, "arn" | "name">;

/** What is to be done about them now, and when to look again. */
export interface LeavingPlan {
  readonly steps: readonly Step[];
  /** Those that stay for now. */
  readonly staying: readonly Leaving[];
  /** All that are still to be remembered after the steps. */
  readonly remembered: readonly Replaced[];
  /** A wait for the next deadline with what is to come then; empty where none is left. */
  readonly later: readonly Step[];
}

/** Plans what becomes of these. Times are milliseconds since 1970. */
export function leavingSteps(
  leaving: readonly Leaving[],
  memory: readonly Replaced[],
  { now, graceMs, keepProtected }: { now: number; graceMs: number; keepProtected: boolean },
): LeavingPlan {
  const known = new Map(memory.map((entry) => [entry.arn, entry]));
  const entries = leaving.map((it) => entryOf(it, known.get(it.balancer.arn), now + graceMs));
  const due = leaving.filter(
    ({ balancer, protected: isProtected }, index) =>
      known.has(balancer.arn) &&
      Date.parse(entries[index]?.deadline ?? "") <= now &&
      !(isProtected && keepProtected),
  );
  const gone = new Set(due.map(({ balancer }) => balancer.arn));
  const remembered = entries.filter(({ arn }) => !gone.has(arn));
  const steps: Step[] = due.flatMap((it) => removal(it, OVER));
  if (!sameEntries(remembered, memory)) {
    const added = remembered.filter(({ arn }) => !known.has(arn));
    steps.push({ do: "remember", replaced: remembered, added });
  }
  const staying = leaving.filter(({ balancer }) => !gone.has(balancer.arn));
  return { steps, staying, remembered, later: laterSteps(remembered, staying, now) };
}

/** A grace period that was made shorter meanwhile counts from now on; a longer one does not. */
function entryOf({ balancer }: Leaving, known: Replaced | undefined, deadline: number): Replaced {
  const { arn, name, dnsName } = balancer;
  if (known !== undefined && Date.parse(known.deadline) <= deadline) return known;
  return { arn, name, hostname: dnsName.toLowerCase(), deadline: new Date(deadline).toISOString() };
}

function sameEntries(a: readonly Replaced[], b: readonly Replaced[]): boolean {
  const plain = (entries: readonly Replaced[]): string =>
    entries.map(({ arn, deadline }) => `${arn} ${deadline}`).join();
  return plain(a) === plain(b);
}

const OVER = "replaced, and its grace period is over";

function laterSteps(remembered: readonly Replaced[], staying: readonly Leaving[], now: number): Step[] {
  const ahead = remembered.filter(({ deadline }) => Date.parse(deadline) > now);
  const [next] = ahead.toSorted((a, b) => Date.parse(a.deadline) - Date.parse(b.deadline));
  if (next === undefined) return [];
  const againAfterMs = Date.parse(next.deadline) - now;
  const leaving = staying.find(({ balancer }) => balancer.arn === next.arn);
  return [
    { do: "wait", name: next.name, for: `${next.deadline}, when it may be deleted`, againAfterMs },
    ...(leaving === undefined ? [] : removal(leaving, OVER)),
  ];
}

/** Deletes a load balancer with its target groups; protection that nobody asked for is switched off. */
export function removal({ balancer, protected: isProtected, targetGroups }: Leaving, why: string): Step[] {
  const on = { name: balancer.name, target: balancer.arn };
  const steps: Step[] = [];
  if (isProtected) {
    const changes = [{ field: PROTECTION, from: "true", to: "false" }];
    steps.push({ do: "modifyLoadBalancerAttributes", ...on, attributes: { [PROTECTION]: "false" }, changes });
  }
  steps.push({ do: "deleteLoadBalancer", ...on, why });
  for (const group of targetGroups)
    steps.push({ do: "deleteTargetGroup", name: group.name, target: group.arn });
  return steps;
}

/** A load balancer of ours as one that leaves, with the groups that its listeners name. */
export function leavingOf(balancer: LoadBalancer, groups: readonly TargetGroup[]): Leaving {
  const used = new Set(balancer.listeners.flatMap(({ forward }) => forward.map((to) => to.targetGroup)));
  return {
    balancer,
    protected: balancer.attributes[PROTECTION] === "true",
    targetGroups: groups.filter(({ arn }) => used.has(arn)),
  };
}

/** Keeps the targets of groups that still serve up to date: nodes come and go in a grace period, too. */
export function targetsOfLeaving(
  leaving: readonly Leaving[],
  wanted: readonly DesiredTargetGroup[],
  existing: readonly TargetGroup[],
  registered: ReadonlySet<string> | undefined,
): Step[] {
  const arns = new Set(leaving.flatMap(({ targetGroups }) => targetGroups.map(({ arn }) => arn)));
  return existing
    .filter(({ arn }) => arns.has(arn))
    .flatMap((group) => {
      const twin = wanted.find(
        ({ tags, targetType, ipAddressType }) =>
          tags[TAG.resource] === group.tags[TAG.resource] &&
          targetType === group.targetType &&
          ipAddressType === group.ipAddressType,
      );
      return twin === undefined ? [] : targetSteps(twin.targets, group, { registered });
    });
}
