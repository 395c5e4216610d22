import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { LabCgroups } from "./host/cgroups.ts";
import type { ImageMapping } from "./images/mapping.ts";
import type { ClusterPlan } from "./plan.ts";

/** What the host side hands to the processes inside: the plan, the places of files, and inherited sockets. */
export interface LabConfig {
  readonly plan: ClusterPlan;
  /** Folder of this cluster on the host; also seen, at the same path, inside the lab. */
  readonly stateDir: string;
  /** Where the API server keeps objects, PKI and kubeconfig. */
  readonly dataDir: string;
  /** Folder of Node's cache of compiled code; empty when there is none. */
  readonly cacheDir: string;
  /** `https://127.0.0.1:PORT`: how the host reaches the API. */
  readonly hostUrl: string;
  /** File descriptors of listening TCP sockets of the host, for the API server. */
  readonly apiSockets: readonly number[];
  /** File descriptors of UDP sockets of the host, for DNS queries to the host's resolvers. */
  readonly dnsSockets: readonly { readonly family: "IPv4" | "IPv6"; readonly fd: number }[];
  /** The host's resolvers. */
  readonly resolvers: readonly string[];
  /** Control groups that limits of containers are enforced with. */
  readonly cgroups: LabCgroups;
  /** Images that are programs of the host. */
  readonly images: readonly ImageMapping[];
  /** Sysctls that pods may set beside the safe ones: names, or patterns that end in `*`. */
  readonly allowedUnsafeSysctls?: readonly string[];
  /** The host's Envoy, an absolute path. */
  readonly envoy?: string;
  /** Whether the lab ends when its control pipe (fd 0) does. */
  readonly attached: boolean;
}

/** The places of a cluster's files below its state folder. */
export function statePaths(stateDir: string) {
  return {
    config: join(stateDir, "lab.json"),
    pid: join(stateDir, "pid.json"),
    logs: join(stateDir, "logs"),
    podLogs: join(stateDir, "logs", "pods"),
    kubeconfig: join(stateDir, "kubeconfig"),
    outside: join(stateDir, "kubeconfig.outside"),
    control: join(stateDir, "control.sock"),
    inner: join(stateDir, "kubeconfig.inner"),
    data: join(stateDir, "data"),
  } as const;
}

/** Reads the configuration that {@link LabConfig}'s writer left for the lab's processes. */
export function readConfig(path: string): LabConfig {
  return JSON.parse(readFileSync(path, "utf8")) as LabConfig;
}
