/** What is down in a cluster, and what to do next. Pure. */
import { describeEffect, type Fault, nameOfTarget, type PartState } from "../../lab/index.ts";
import type { Pod } from "../../objects/types.ts";
import { silentFamiliesOf } from "../../traffic/index.ts";
import { podReady, podReasons } from "../pod-readiness.ts";
import type { ClusterStatus, Problem } from "./model.ts";

/** A part may take so long to start, in ms: on a busy machine it is no problem yet. */
const START_MS = 30_000;
/** A part that was started again so shortly ago, in ms, may end again for the same reason. */
const STABLE_MS = 10_000;
/** So many pods are named; more are counted. */
const MAX_PODS = 10;

/**
 * Everything of a cluster that is down.
 * @param flag what commands need to mean this cluster: ` --name demo`, or nothing
 * @param now milliseconds
 */
export function problemsOf(
  { parts, nodes, gateways, loadBalancers, faults }: Omit<ClusterStatus, "problems" | "ok">,
  pods: readonly Pod[],
  flag: string,
  now: number,
): Problem[] {
  return [
    ...faults.map((fault) => faultProblem(fault, flag)),
    ...parts.flatMap((part) => partProblem(part, now)),
    ...nodes
      .filter(({ ready }) => !ready)
      .map(({ name, reason = "" }) => ({
        where: `node ${name}`,
        why: `not ready: ${reason}`,
        next: `kubectl describe node ${name}`,
      })),
    ...few(pods.filter((pod) => !pod.metadata.deletionTimestamp).flatMap(podProblems)),
    ...gateways
      .filter(({ programmed }) => !programmed)
      .map(({ namespace, name, reason = "" }) => ({
        where: `gateway ${namespace}/${name}`,
        why: `not programmed: ${reason}`,
        next: `kubectl -n ${namespace} describe gateway ${name}`,
      })),
    ...loadBalancers
      .filter(({ addresses }) => addresses.length === 0)
      .map(({ namespace, name }) => ({
        where: `service ${namespace}/${name}`,
        why: "its load balancer has no address yet",
        next: `kubectl -n ${namespace} describe service ${name}`,
      })),
  ];
}

function faultProblem(fault: Fault, flag: string): Problem {
  return {
    where: nameOfTarget(fault.target),
    why: `fault ${fault.id} is in force: ${describeEffect(fault.effect)}`,
    next: `tandem lab mend ${fault.id}${flag}`,
  };
}

function partProblem({ name, state, since, restarts, lastEnd, log }: PartState, now: number): Problem[] {
  const problem = (why: string, next: string): Problem[] => [{ where: `part ${name}`, why, next }];
  if (state === "waiting") {
    const why = lastEnd === undefined ? "it was not started yet" : `it ended with ${lastEnd}`;
    return problem(why, `it starts by itself in a few seconds; its log: ${log}`);
  }
  if (state === "frozen")
    return problem("its process stands still (SIGSTOP)", "mend its fault, or send it SIGCONT");
  const age = now - Date.parse(since ?? "");
  if (restarts > 0 && age < STABLE_MS)
    return problem(`it ended with ${lastEnd}, and was started again just now`, `see why in its log: ${log}`);
  if (state === "starting" && age > START_MS)
    return problem("it is not ready yet", `see why in its log: ${log}`);
  return [];
}

function podProblems(pod: Pod): Problem[] {
  const { namespace = "default", name } = pod.metadata;
  const where = `pod ${namespace}/${name}`;
  const next = `kubectl -n ${namespace} describe pod ${name}`;
  if (!podReady(pod)) {
    const { phase, reason, message } = pod.status ?? {};
    const whole = [reason, message].filter(Boolean).join(": ");
    const why = podReasons(pod).join("; ") || whole || phase || "nothing is said of it";
    return [{ where, why: `not ready: ${why}`, next }];
  }
  const silent = Object.entries(silentFamiliesOf(pod) ?? {});
  return silent.map(([family, { message = "" }]) => ({
    where,
    why: `silent over ${family}: ${message}`,
    next: `mend the pod, and look again: tandem matrix -n ${namespace}`,
  }));
}

function few(problems: readonly Problem[]): Problem[] {
  const more = problems.length - MAX_PODS;
  if (more <= 0) return [...problems];
  const rest = { where: "pods", why: `${more} more are not ready or silent`, next: "kubectl get pods -A" };
  return [...problems.slice(0, MAX_PODS), rest];
}
