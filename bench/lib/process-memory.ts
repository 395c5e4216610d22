import { readFileSync } from "node:fs";

/** What a process has resident, now and at most until now, in megabytes (VmRSS and VmHWM, proc(5)). */
export function memoryOf(pid: number | "self"): { now: number; peak: number } {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const field = (name: string) => Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1]) / 1000;
  return { now: field("VmRSS"), peak: field("VmHWM") };
}
