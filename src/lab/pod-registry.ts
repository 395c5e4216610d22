import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** A pod that runs in the lab, as its node agent tells the lab's other processes. */
export interface RunningPod {
  readonly namespace: string;
  readonly name: string;
  readonly node: string;
  /** The sandbox's first process, by its id in the lab. */
  readonly pid: number;
  /** The pod uses its node's network. */
  readonly hostNetwork: boolean;
}

/** In the lab's own /run: gone with it. */
const FOLDER = "/run/tandem/pods";

/** Names of namespaces and pods have no underscore. */
function fileOf(namespace: string, name: string): string {
  return join(FOLDER, `${namespace}_${name}`);
}

/** Tells that a pod has a sandbox. */
export function announcePod(pod: RunningPod): void {
  mkdirSync(FOLDER, { recursive: true });
  writeFileSync(fileOf(pod.namespace, pod.name), JSON.stringify(pod));
}

/** Takes that back, unless another sandbox of the same name has come since. */
export function withdrawPod(namespace: string, name: string, pid: number): void {
  if (findPod(namespace, name)?.pid === pid) rmSync(fileOf(namespace, name), { force: true });
}

/** A pod that runs; undefined when it has no sandbox. */
export function findPod(namespace: string, name: string): RunningPod | undefined {
  try {
    const pod = JSON.parse(readFileSync(fileOf(namespace, name), "utf8")) as RunningPod;
    // an agent that was killed could not take its pods back
    return existsSync(`/proc/${pod.pid}/ns`) ? pod : undefined;
  } catch {
    return undefined;
  }
}

/** `namespace/name` of all pods that run. */
export function listPods(): string[] {
  try {
    const pods = readdirSync(FOLDER).map((file) => file.split("_") as [string, string]);
    return pods.filter(([namespace, name]) => findPod(namespace, name)).map((parts) => parts.join("/"));
  } catch {
    return [];
  }
}
