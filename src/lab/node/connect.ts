import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { type ClusterConfig, KubeClient } from "../../client/index.ts";
import { type LabConfig, statePaths } from "../config.ts";

/** How often a control plane that is not there yet is looked for, in milliseconds. */
export const API_POLL_MS = 15;

/** Waits until the control plane is up, and connects to it over the fabric. */
export async function connectToControlPlane(config: LabConfig, signal: AbortSignal): Promise<KubeClient> {
  for (;;) {
    signal.throwIfAborted();
    const access = readAccess(statePaths(config.stateDir).inner);
    if (access !== undefined) return new KubeClient(access);
    await sleep(API_POLL_MS);
  }
}

function readAccess(path: string): ClusterConfig | undefined {
  try {
    return JSON.parse(readFileSync(path, "utf8")) as ClusterConfig;
  } catch {
    return undefined;
  }
}
