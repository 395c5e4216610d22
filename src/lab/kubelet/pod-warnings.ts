import type { Container, Pod } from "../../objects/types.ts";
import type { KubeletContext } from "./context.ts";
import { dnsWarnings } from "./resolver.ts";

/** Something of a pod that is not as it asks for, told in an event when the pod begins. */
export interface PodWarning {
  /** The container that it is about; undefined: the pod as a whole. */
  readonly container?: Container;
  readonly reason: string;
  readonly message: string;
}

/** Limits that this machine, or the lab, has nothing to enforce them with, and what a resolver has no room for. */
export function warningsOf(
  pod: Pod,
  { cgroups, plan }: Pick<KubeletContext, "cgroups" | "plan">,
): PodWarning[] {
  const { containers, initContainers = [] } = pod.spec;
  const limits = [...initContainers, ...containers].flatMap((container) =>
    Object.keys(container.resources?.limits ?? {}).flatMap((name) => {
      const lacking = cgroups.lacking(name);
      if (lacking === undefined) return [];
      const next = lacking.next === undefined ? "" : `; ${lacking.next}`;
      const message = `The lab does not enforce limits (${name}): ${lacking.why}${next}`;
      return { container, reason: "LimitsNotEnforced", message };
    }),
  );
  const resolver = dnsWarnings(pod, plan.families, plan);
  return [...limits, ...resolver.map((message) => ({ reason: "DNSConfigForming", message }))];
}
