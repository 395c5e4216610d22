import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { UserError } from "../../errors/user-error.ts";
import { statePaths } from "../config.ts";

/** The process that a lab hangs on, told from a later process with the same id by its start time. */
export interface LabProcess {
  readonly pid: number;
  /** Clock ticks since boot (field 22 of /proc/PID/stat). */
  readonly startTime: string;
  /** Identifies the boot: a pid file of an earlier boot is stale whatever it says. */
  readonly bootId: string;
}

const NAME = /^[a-z0-9]([-a-z0-9]{0,28}[a-z0-9])?$/;

/** Folder of a cluster's files: `$TANDEM_HOME`, else `$XDG_STATE_HOME/tandem`, else `~/.local/state/tandem`. */
export function stateDirOf(name: string, environment: NodeJS.ProcessEnv = process.env): string {
  if (!NAME.test(name)) {
    throw new UserError({
      what: "cannot use this cluster name",
      where: `--name ${name}`,
      why: "a name has 1 to 30 lower-case letters, digits and hyphens, and begins and ends with a letter or digit",
      next: "tandem up --name=demo",
    });
  }
  return join(stateHome(environment), name);
}

function stateHome(environment: NodeJS.ProcessEnv): string {
  if (environment["TANDEM_HOME"]) return environment["TANDEM_HOME"];
  const home = environment["XDG_STATE_HOME"] || join(environment["HOME"] || homedir(), ".local", "state");
  return join(home, "tandem");
}

/** The folders of all clusters of this user, running or not. */
export function stateDirs(environment: NodeJS.ProcessEnv = process.env): string[] {
  const home = stateHome(environment);
  if (!existsSync(home)) return [];
  return readdirSync(home)
    .filter((name) => NAME.test(name))
    .map((name) => join(home, name));
}

/** Makes the folder anew, mode 0700; files of a cluster that is dead are removed. */
export function createStateDir(stateDir: string): void {
  try {
    removeStateDir(stateDir);
    mkdirSync(stateDir, { recursive: true, mode: 0o700 });
    mkdirSync(statePaths(stateDir).podLogs, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw new UserError({
      what: "cannot create the cluster's folder",
      where: stateDir,
      why: (error as Error).message,
      next: "set TANDEM_HOME to a folder that you may write",
      cause: error,
    });
  }
}

/** Removes the folder with all that is in it; not there is fine. */
export function removeStateDir(stateDir: string): void {
  rmSync(stateDir, { recursive: true, force: true, maxRetries: 5, retryDelay: 20 });
}

/** Notes the process that holds the lab up. */
export function writeLabProcess(stateDir: string, pid: number): void {
  const record: LabProcess = { pid, startTime: startTimeOf(pid) ?? "", bootId: bootId() };
  writeFileSync(statePaths(stateDir).pid, JSON.stringify(record), { mode: 0o600 });
}

/** The process of a running lab; undefined when none runs (never started, ended, or of an earlier boot). */
export function readLabProcess(stateDir: string): LabProcess | undefined {
  let record: LabProcess;
  try {
    record = JSON.parse(readFileSync(statePaths(stateDir).pid, "utf8")) as LabProcess;
  } catch {
    return undefined;
  }
  const alive = record.bootId === bootId() && startTimeOf(record.pid) === record.startTime;
  return alive ? record : undefined;
}

/**
 * Ends a lab: kills the process that it hangs on and waits until the kernel has ended all inside (the pid namespace
 * goes with its first process).
 */
export async function killLab(lab: LabProcess): Promise<void> {
  const inside = childrenOf(lab.pid).map((pid) => ({ pid, startTime: startTimeOf(pid) ?? "" }));
  const all = [lab, ...inside];
  for (const { pid, startTime } of all) {
    if (startTimeOf(pid) === startTime) signal(pid, "SIGKILL");
  }
  const deadline = Date.now() + KILL_WAIT_MS;
  while (all.some(({ pid, startTime }) => startTimeOf(pid) === startTime) && Date.now() < deadline)
    await sleep(5);
}

/** So long at most: on a busy machine the end of a hundred processes takes its time. */
const KILL_WAIT_MS = 30_000;

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // it ended by itself in the meantime
  }
}

/** Children of a process, found by walking /proc (works without CONFIG_PROC_CHILDREN). */
function childrenOf(parent: number): number[] {
  return readdirSync("/proc")
    .filter((name) => /^[0-9]+$/.test(name))
    .map(Number)
    .filter((pid) => statFields(pid)?.[1] === String(parent));
}

/** Start time of a process in clock ticks since boot; undefined when it is gone or only a zombie. */
function startTimeOf(pid: number): string | undefined {
  const fields = statFields(pid);
  return fields === undefined || fields[0] === "Z" || fields[0] === "X" ? undefined : fields[19];
}

/** Fields of /proc/PID/stat from the third on (state, ppid, …); the name before them may hold anything. */
function statFields(pid: number): string[] | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    return text.slice(text.lastIndexOf(")") + 2).split(" ");
  } catch {
    return undefined;
  }
}

function bootId(): string {
  try {
    return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  } catch {
    return "";
  }
}
