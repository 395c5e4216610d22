/**
 * The lab: a Kubernetes cluster on one machine out of network namespaces, for any user. The host side is here
 * ({@link bringUp}, {@link findCluster}, {@link tearDown}); the processes inside start from `init/` and `node/`.
 */
import { basename } from "node:path";
import { UserError } from "../errors/user-error.ts";
import { type LabConfig, statePaths } from "./config.ts";
import { cacheFolder, hostResolvers, type Launched, launch } from "./host/launch.ts";
import { createLabCgroups, type LabCgroups, readLabCgroups, removeLabCgroups } from "./host/cgroups.ts";
import { checkMachine as checkPrograms } from "./host/preconditions.ts";
import { type HostSockets, openHostSockets } from "./host/sockets.ts";
import {
  createStateDir,
  killLab,
  readLabProcess,
  removeStateDir,
  stateDirOf,
  stateDirs,
} from "./host/state.ts";
import type { ImageMapping } from "./images/mapping.ts";
import { type ClusterShape, planCluster } from "./plan.ts";
import { FD, type LabStep } from "./report.ts";

export { askParts } from "./ask.ts";
export { askFaults } from "./faults/ask.ts";
export {
  describeEffect,
  type Fault,
  type FaultEffect,
  type FaultTarget,
  nameOfTarget,
} from "./faults/model.ts";
export { isNamespaced } from "./kubelet/sysctls.ts";
export { type LabConfig, readConfig, statePaths } from "./config.ts";
export type { PartState } from "./init/part-state.ts";
export { type Outside, outsideOf } from "./host/outside.ts";
export type { ImageMapping } from "./images/mapping.ts";
export type { ClusterPlan, ClusterShape, NodePlan } from "./plan.ts";
export type { LabStep } from "./report.ts";

/** How a cluster is brought up. */
export interface BringUpOptions extends ClusterShape {
  /** Port of the API on the host's loopback; 0 takes a free one. */
  readonly port: number;
  /** The cluster ends with this process, however that ends. Otherwise it runs on until {@link tearDown}. */
  readonly once: boolean;
  /** Where the API server keeps its data; the default is inside the cluster's own folder. */
  readonly dataDir?: string;
  /** Images that are programs of the host. */
  readonly images?: readonly ImageMapping[];
  /** Sysctls that pods may set beside those that are safe: names, or patterns that end in `*`. */
  readonly allowedUnsafeSysctls?: readonly string[];
  /** The Envoy that the image `envoy` runs, an absolute path; without it there is no such image. */
  readonly envoy?: string;
  /** Shows one step of the start: its title, and the work that it stands for. */
  readonly step?: <T>(title: string, work: () => Promise<T>) => Promise<T>;
  /** Aborts the start; what was begun is taken down. */
  readonly signal?: AbortSignal;
}

/** A running cluster, as the process that brought it up sees it. */
export interface RunningCluster {
  readonly name: string;
  readonly stateDir: string;
  /** File of a kubeconfig (mode 0600) for the host. */
  readonly kubeconfig: string;
  /** `https://127.0.0.1:PORT`. */
  readonly server: string;
  readonly nodes: readonly string[];
  /** What is less than asked for, in words for the user. */
  readonly notes: readonly string[];
  /** Resolves when the cluster has ended, for whatever reason. */
  readonly ended: Promise<void>;
  /** Takes the cluster down; nothing is left. */
  stop(): Promise<void>;
}

/**
 * Brings a cluster up and resolves once all its nodes are ready. Nothing on the host changes but the cluster's folder and,
 * while it runs, control groups of its own.
 * @throws UserError when the machine lacks something, a cluster of that name runs already, or a part fails to start;
 *   nothing is left running then
 */
export async function bringUp(options: BringUpOptions): Promise<RunningCluster> {
  const stateDir = stateDirOf(options.name);
  checkMachine(options);
  options.signal?.throwIfAborted();
  await removeLabCgroups(readLabCgroups(statePaths(stateDir).config));
  createStateDir(stateDir);
  let cgroups: LabCgroups | undefined;
  try {
    const sockets = await openHostSockets(options.port);
    cgroups = await createLabCgroups(stateDir);
    const config = configure(options, stateDir, sockets, cgroups);
    const lab = await launch(config, sockets);
    await awaitSteps(lab, options);
    if (!options.once) lab.detach();
    return running(config, lab, sockets.notes);
  } catch (error) {
    await tearDown(options.name);
    await removeLabCgroups(cgroups);
    throw error;
  }
}

/**
 * Checks all that a cluster of this shape needs of the machine, changing nothing.
 * @throws UserError with what is missing, or when a cluster of that name runs already
 */
export function checkMachine(shape: Pick<ClusterShape, "name" | "families">): void {
  if (readLabProcess(stateDirOf(shape.name)) !== undefined) throw alreadyRunning(shape.name);
  checkPrograms(shape.families);
}

const TITLES: Record<LabStep, (shape: ClusterShape) => string> = {
  network: ({ nodes }) => `Linking ${nodes} node${nodes === 1 ? "" : "s"} in network namespaces`,
  "control-plane": () => "Starting the API server, controllers and DNS",
  nodes: () => "Waiting for nodes to be ready",
};

async function awaitSteps(lab: Launched, options: BringUpOptions): Promise<void> {
  const step = options.step ?? (<T>(_title: string, work: () => Promise<T>) => work());
  for (const name of ["network", "control-plane", "nodes"] as const) {
    await step(TITLES[name](options), () => lab.reached(name, options.signal));
  }
}

const FIRST_SOCKET = FD.firstSocket;

function configure(
  options: BringUpOptions,
  stateDir: string,
  sockets: HostSockets,
  cgroups: LabCgroups,
): LabConfig {
  return {
    plan: planCluster(options),
    stateDir,
    dataDir: options.dataDir ?? statePaths(stateDir).data,
    cacheDir: cacheFolder(),
    hostUrl: `https://127.0.0.1:${sockets.port}`,
    apiSockets: sockets.api.map((_, index) => FIRST_SOCKET + index),
    dnsSockets: sockets.dns.map(({ family }, index) => ({
      family,
      fd: FIRST_SOCKET + sockets.api.length + index,
    })),
    resolvers: hostResolvers(),
    cgroups,
    images: options.images ?? [],
    allowedUnsafeSysctls: options.allowedUnsafeSysctls ?? [],
    ...(options.envoy !== undefined && { envoy: options.envoy }),
    attached: options.once,
  };
}

function running(config: LabConfig, lab: Launched, notes: readonly string[]): RunningCluster {
  return {
    name: config.plan.name,
    stateDir: config.stateDir,
    kubeconfig: statePaths(config.stateDir).kubeconfig,
    server: config.hostUrl,
    nodes: config.plan.nodePlans.map((node) => node.name),
    notes,
    // whoever is there to see the end takes the groups away; else the next start does
    ended: lab.ended.then(() => removeLabCgroups(config.cgroups)),
    stop: async () => {
      await tearDown(config.plan.name);
    },
  };
}

/** A cluster that is up, found by its name; undefined when none is. */
export function findCluster(name: string): { stateDir: string; kubeconfig: string } | undefined {
  const stateDir = stateDirOf(name);
  if (readLabProcess(stateDir) === undefined) return undefined;
  return { stateDir, kubeconfig: statePaths(stateDir).kubeconfig };
}

/** The names of this user's clusters that run, in order. */
export function runningClusters(): string[] {
  return stateDirs()
    .filter((stateDir) => readLabProcess(stateDir) !== undefined)
    .map((stateDir) => basename(stateDir))
    .sort();
}

/**
 * Takes a cluster down and removes its folder; what a cluster that died left behind goes too. Says whether one was
 * running. Safe to repeat.
 */
export async function tearDown(name: string): Promise<boolean> {
  const stateDir = stateDirOf(name);
  const lab = readLabProcess(stateDir);
  if (lab !== undefined) await killLab(lab);
  await removeLabCgroups(readLabCgroups(statePaths(stateDir).config));
  removeStateDir(stateDir);
  return lab !== undefined;
}

function alreadyRunning(name: string): UserError {
  return new UserError({
    what: "cannot start the cluster",
    where: `cluster ${name}`,
    why: "it is running already",
    next: `tandem down --name=${name}, or choose another name: tandem up --name=other`,
  });
}
