import { readdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

/** The processes of a group, by their ids in this PID namespace; none when the group is gone. */
function processesOf(group: string): number[] {
  const text = readText(join(group, "cgroup.procs")) ?? "";
  // 0 is a process of another PID namespace than ours or one below
  return text
    .split("\n")
    .map(Number)
    .filter((pid) => pid > 1);
}

/** Text of a control file; undefined when it is not there. */
export function readText(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return undefined;
  }
}

/** Makes controllers available to the groups below a v2 group. @throws Error when the kernel refuses */
export function enableBelow(group: string, controllers: readonly string[]): void {
  for (const name of controllers) writeFileSync(join(group, "cgroup.subtree_control"), `+${name}`);
}

const RETRY_MS = 10;
const ATTEMPTS = 300;

/**
 * Removes a group, those below it and their processes: the kernel lets go of a group only some time after its last process
 * was killed. False when that took longer than 3 s; that it is gone already is fine.
 */
export async function removeGroup(group: string): Promise<boolean> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    if (removeTree(group)) return true;
    await sleep(RETRY_MS);
  }
  return false;
}

function removeTree(group: string): boolean {
  let below: string[];
  try {
    below = readdirSync(group, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name);
  } catch {
    return true;
  }
  for (const name of below) removeTree(join(group, name));
  for (const pid of processesOf(group)) kill(pid);
  try {
    rmdirSync(group);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ENOENT";
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // gone
  }
}
