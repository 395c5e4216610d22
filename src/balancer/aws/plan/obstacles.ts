/** What stands in the way of a plan until a user mends it. */
import type { DesiredStack, LoadBalancer } from "../model.ts";
import type { PlanInput } from "./input.ts";

/** Why nothing may be done: a load balancer that failed, or a wanted name that something of others has. */
export function obstacle(
  { current, named }: PlanInput,
  desired: DesiredStack,
  kept: LoadBalancer | undefined,
): string | undefined {
  const failed = current.loadBalancers.find(({ state }) => state === "failed");
  if (failed !== undefined)
    return `AWS could not set up load balancer ${failed.name} (${failed.arn}): delete it, and another one is made`;
  const ours = new Set([
    ...[...current.loadBalancers, ...current.targetGroups].map(({ arn }) => arn),
    ...current.securityGroups.map(({ id }) => id),
  ]);
  const taken = (kind: string, name: string, id: string | undefined): string | undefined =>
    id === undefined || ours.has(id)
      ? undefined
      : `there is a ${kind} named ${name} already that is not ours (${id}): rename or delete it, or give the Service another name`;
  const name = desired.loadBalancer.name;
  const group = desired.securityGroup?.name ?? "";
  const groups = desired.targetGroups.map((it) =>
    taken("target group", it.name, named.targetGroups.get(it.name)),
  );
  return (
    (kept === undefined ? taken("load balancer", name, named.loadBalancers.get(name)) : undefined) ??
    groups.find((text) => text !== undefined) ??
    taken("security group", group, named.securityGroups.get(group))
  );
}
