/** The steps that take away what was made for a Service. */
import { mayDelete } from "../migration.ts";
import type { Step } from "../steps.ts";
import type { PlanInput } from "./input.ts";
import { leavingOf, removal } from "./replaced.ts";

/** Deletes all that was made for a Service; of what other controllers made what the user said may go. */
export function planRelease(
  { current, predecessors, leftovers }: Pick<PlanInput, "current" | "predecessors" | "leftovers">,
  annotations: Readonly<Record<string, string>>,
): Step[] {
  const why = "its Service is going";
  const going = predecessors.filter(({ balancer }) => mayDelete(balancer, annotations));
  const leaving = [
    ...current.loadBalancers.map((it) => leavingOf(it, [])),
    ...going.map((it) => ({ ...it, protected: false })),
  ];
  const groups = [...current.targetGroups, ...(mayDelete(undefined, annotations) ? leftovers : [])];
  return [
    ...leaving.flatMap((it) => removal(it, why)),
    ...groups.map(({ name, arn }) => ({ do: "deleteTargetGroup" as const, name, target: arn })),
    ...current.securityGroups.map(({ name, id }) => ({
      do: "deleteSecurityGroup" as const,
      name,
      target: id,
    })),
  ];
}
