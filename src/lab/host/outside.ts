import { statePaths } from "../config.ts";
import { readLabProcess } from "./state.ts";

/** How a program of the host is run as a client outside of a cluster: what goes before its command, and its environment. */
export interface Outside {
  readonly prefix: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/**
 * The lab's own network namespace, which has the fabric but no node's rules, seen from the host: programs keep the host's
 * files and process ids. `KUBECONFIG` leads to the API over the fabric. Undefined when the cluster is not running.
 */
export function outsideOf(stateDir: string): Outside | undefined {
  const lab = readLabProcess(stateDir);
  if (lab === undefined) return undefined;
  const user = process.getuid?.() === 0 ? [] : ["--user", "--preserve-credentials"];
  return {
    prefix: ["nsenter", `--target=${lab.pid}`, ...user, "--net", "--"],
    env: { KUBECONFIG: statePaths(stateDir).outside },
  };
}
