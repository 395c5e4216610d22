/** What the machine does beside a benchmark. */
import { execFileSync, spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

/** Processor time since the machine started, in milliseconds, of all processors. */
export interface MachineTime {
  readonly busy: number;
  /** A processor had work, and the machine that this one is a guest of did something else. */
  readonly stolen: number;
}

/** Source: proc(5), stat; in hundredths of a second. */
export function machineTime(): MachineTime {
  const line = readFileSync("/proc/stat", "utf8").split("\n")[0] ?? "";
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = line
    .split(/\s+/)
    .slice(1)
    .map((ticks) => Number(ticks) * 10);
  return { busy: user + nice + system + irq + softirq, stolen: steal };
}

/** Milliseconds of CPU that processes have taken until now. Source: proc(5), stat of a process: utime and stime. */
export function cpuOf(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => {
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
    return sum + (Number(fields[11]) + Number(fields[12])) * 10;
  }, 0);
}

/** Processes that this one has started, and those that they have, which run at the time. */
export function descendants(pid: number | "self" = "self"): number[] {
  const children = readdirSync(`/proc/${pid}/task`).flatMap((task) => {
    const text = readFileSync(`/proc/${pid}/task/${task}/children`, "utf8").trim();
    return text === "" ? [] : text.split(" ").map(Number);
  });
  return [...children, ...children.flatMap((child) => descendants(child))];
}

/** Whether a process is an Envoy. */
export function isEnvoy(pid: number): boolean {
  return readFileSync(`/proc/${pid}/comm`, "utf8").startsWith("envoy");
}

/**
 * Lets this process, and all that it starts from then on, go before everything else on the machine (sched(7), SCHED_RR);
 * answers whether it may.
 */
export function goFirst(): boolean {
  try {
    execFileSync("chrt", ["--rr", "--pid", "10", String(process.pid)], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

/** Milliseconds of the clock that all processes of the machine share. Source: clock_gettime(2), CLOCK_MONOTONIC. */
export function monotonic(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

const WATCHER = join(import.meta.dirname, "watcher.ts");

/** A time in which a processor was not there, in milliseconds of {@link monotonic}. */
export interface Stall {
  readonly began: number;
  readonly ended: number;
}

/**
 * Watches all processors for stalls of more than so many milliseconds, before even those who go first: what these do
 * takes no part in it. `stalls` grows.
 */
export function watchStalls(late: number): { stalls: readonly Stall[]; close(): void } {
  const stalls: Stall[] = [];
  const children = cpus().map((_, cpu) => {
    const command = [
      "--cpu-list",
      String(cpu),
      "chrt",
      "--rr",
      "20",
      process.execPath,
      WATCHER,
      String(late),
    ];
    const child = spawn("taskset", command, { stdio: ["ignore", "pipe", "inherit"] });
    createInterface({ input: child.stdout }).on("line", (line) => {
      const [began = 0, ended = 0] = line.split(" ").map(Number);
      stalls.push({ began, ended });
    });
    return child;
  });
  return {
    stalls,
    close: () => {
      for (const child of children) child.kill("SIGKILL");
    },
  };
}
