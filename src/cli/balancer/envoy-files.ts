/** The files of the Envoy of load balancers, by which a later process knows one that was left behind. */
import { readFileSync } from "node:fs";
import { join } from "node:path";

/** Holds the id of Envoy's process. */
export function pidFileOf(folder: string): string {
  return join(folder, "envoy.pid");
}

/** Envoy's bootstrap. */
export function configFileOf(folder: string): string {
  return join(folder, "bootstrap.json");
}

/** The id of a running process that is our Envoy: its command line names our configuration. */
export function leftBehind(folder: string): number | undefined {
  try {
    const pid = Number(readFileSync(pidFileOf(folder), "utf8"));
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(configFileOf(folder)) ? pid : undefined;
  } catch {
    return undefined;
  }
}

/** Whether an Envoy of ours runs there. */
export function isLeftBehind(folder: string): boolean {
  return leftBehind(folder) !== undefined;
}
