import type { Container, Pod } from "../../objects/types.ts";
import { isSidecar } from "./status.ts";

/** Which containers are started again after they ended. */
export type RestartRule = "always" | "on-failure" | "never";

/** How a container of a pod is restarted, by the pod's policy and the container's place. */
export function restartRuleOf(pod: Pod, container: Container, init: boolean): RestartRule {
  if (init && isSidecar(container)) return "always";
  const policy = pod.spec.restartPolicy ?? "Always";
  if (policy === "Never") return "never";
  return init || policy === "OnFailure" ? "on-failure" : "always";
}

/** Whether a rule starts a container again that ended with an exit code. */
export function restarts(rule: RestartRule, exitCode: number): boolean {
  return rule === "always" || (rule === "on-failure" && exitCode !== 0);
}
