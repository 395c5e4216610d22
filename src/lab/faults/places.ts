import { readlinkSync } from "node:fs";
import { run } from "../run.ts";
import { findPod, listPods, type RunningPod } from "../pod-registry.ts";
import { listProcesses, signalProcess } from "../kubelet/processes.ts";
import { FaultRefused, type FaultTarget, nameOfTarget } from "./model.ts";

/** Runs an nft script in a network namespace, given by its file; in the lab's own without one. */
export async function loadRules(script: string, netns?: string): Promise<void> {
  const enter = netns === undefined ? [] : ["nsenter", `--net=${netns}`, "--"];
  await run([...enter, "nft", "-f", "-"], script);
}

/** @throws FaultRefused that names the pods that run */
export function podOf(target: FaultTarget & { kind: "pod" }): RunningPod {
  const pod = findPod(target.namespace, target.name);
  if (pod !== undefined) return pod;
  const pods = listPods().sort();
  const there = pods.length === 0 ? "no pod runs" : `pods that run: ${some(pods)}`;
  throw new FaultRefused(nameOfTarget(target), `there is no such pod; ${there}`, "kubectl get pods -A");
}

const MAX_NAMED = 12;

function some(names: readonly string[]): string {
  const rest = names.length - MAX_NAMED;
  return names.slice(0, MAX_NAMED).join(", ") + (rest > 0 ? ` and ${rest} more` : "");
}

/** All processes of a pod: those of its PID namespace. */
export function processesOfPod(pod: RunningPod): number[] {
  const namespace = pidNamespace(pod.pid);
  if (namespace === undefined) return [];
  return listProcesses()
    .map(({ pid }) => pid)
    .filter((pid) => pidNamespace(pid) === namespace);
}

function pidNamespace(pid: number): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/pid`);
  } catch {
    return undefined;
  }
}

/** A process and all that descend from it: a node's agent with its pods. */
export function processesBelow(root: number): number[] {
  const all = listProcesses();
  const found = new Set([root]);
  for (let size = 0; size !== found.size; ) {
    size = found.size;
    for (const { pid, parent } of all) if (found.has(parent)) found.add(pid);
  }
  return [...found];
}

/** Lets processes stand still, or go on. Twice, for those that were born meanwhile. */
export function setFrozen(processes: () => readonly number[], frozen: boolean): void {
  for (let round = 0; round < (frozen ? 2 : 1); round++)
    for (const pid of processes()) signalProcess(pid, frozen ? "SIGSTOP" : "SIGCONT");
}
