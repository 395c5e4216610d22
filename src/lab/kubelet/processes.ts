import { readdirSync, readFileSync } from "node:fs";

interface ProcessInfo {
  readonly pid: number;
  readonly parent: number;
  readonly session: number;
}

/** All processes of this PID namespace, from /proc/PID/stat. */
export function listProcesses(): ProcessInfo[] {
  return readdirSync("/proc")
    .filter((name) => /^[0-9]+$/.test(name))
    .map((name) => processInfo(Number(name)))
    .filter((info) => info !== undefined);
}

function processInfo(pid: number): ProcessInfo | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    return { pid, parent: Number(fields[1]), session: Number(fields[3]) };
  } catch {
    return undefined; // it ended while we were looking
  }
}

/** The first child of a process: the command that `nsenter` runs. Undefined before it forked or after it ended. */
export function childOf(pid: number): number | undefined {
  try {
    const first = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ")[0];
    if (first) return Number(first);
  } catch {
    // a kernel without CONFIG_PROC_CHILDREN: look through all
  }
  return listProcesses().find((info) => info.parent === pid)?.pid;
}

/** Sends a signal to one process; that it is gone already is fine. */
export function signalProcess(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // gone
  }
}

/** Kills a process, all that descend from it, and all of its session: a container with its helpers. */
export function killTree(root: number): void {
  if (root <= 1) return; // a process that never was; everything descends from 0 and 1
  const all = listProcesses();
  const doomed = new Set([root]);
  for (let size = 0; size !== doomed.size; ) {
    size = doomed.size;
    for (const info of all) if (doomed.has(info.parent) || info.session === root) doomed.add(info.pid);
  }
  for (const pid of doomed) signalProcess(pid, "SIGKILL");
}
