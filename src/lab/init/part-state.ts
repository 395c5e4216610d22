import { readFileSync } from "node:fs";

/** What a part of a lab does: `starting` until it says that it is ready, `waiting` from its end to its next start. */
export type PartStateName = "starting" | "running" | "frozen" | "waiting";

/** What the lab's init knows of one of its parts. */
export interface PartState {
  /** `control-plane`, `gateway`, `mesh`, `balancer`, or a node's name. */
  readonly name: string;
  readonly state: PartStateName;
  /** When the process that runs was started; RFC 3339, whole seconds. */
  readonly since?: string;
  /** How often it was started again. */
  readonly restarts: number;
  /** How the run before ended: `exit code 1`, `SIGKILL`. */
  readonly lastEnd?: string;
  /** Its log, on the host. */
  readonly log: string;
}

/** Whether a process stands still (SIGSTOP), by its id in the lab. */
export function isFrozen(pid: number): boolean {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    const [state] = text.slice(text.lastIndexOf(")") + 2);
    return state === "T";
  } catch {
    return false;
  }
}
