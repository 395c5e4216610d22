import type { Container, Pod } from "../../objects/types.ts";
import type { LabImages } from "../images/registry.ts";
import type { PodCgroup } from "./cgroup.ts";
import { runHook } from "./hooks.ts";
import type { ProbeTarget } from "./probe.ts";
import type { BindMount, ContainerProcess } from "./process.ts";
import type { Sandbox } from "./sandbox.ts";

/** What a container needs of its pod. */
export interface ContainerHost {
  /** The pod as it is now, its addresses in the status. */
  pod(): Pod;
  /** The pod's sandbox, made anew when it has ended. */
  sandbox(): Promise<Sandbox>;
  /** The pod's control groups. */
  cgroup(): Promise<PodCgroup>;
  environment(container: Container): Promise<Record<string, string>>;
  mounts(container: Container, env: Record<string, string>): BindMount[];
  /** Folder of the pod's logs. */
  readonly logDir: string;
  readonly images: LabImages;
  exec(
    container: RunningContainer,
    command: readonly string[],
    timeoutMs: number,
  ): Promise<{ code: number; output: string }>;
  event(container: Container, type: "Normal" | "Warning", reason: string, message: string): void;
  /** The container's facts changed. */
  changed(): void;
}

/** One run of a container, for exec and logs. */
export interface RunningContainer {
  readonly name: string;
  readonly process: ContainerProcess;
  readonly env: Record<string, string>;
  readonly cwd: string;
  readonly mounts: readonly BindMount[];
  readonly sandboxPid: number;
  /** Files `cgroup.procs` of its control groups. */
  readonly joins: readonly string[];
  /** Whether the input ends with the first client that attached. */
  readonly stdinOnce: boolean;
}

/** One run of a container, with what it is a run of. */
export interface Run {
  readonly spec: Container;
  readonly host: ContainerHost;
  readonly running: RunningContainer;
}

/** The run as probes and hooks meet it. */
export function probeTarget({ spec, host, running }: Run): ProbeTarget {
  return {
    container: spec,
    podIP: host.pod().status?.podIP ?? "",
    exec: (command, timeoutMs) => host.exec(running, command, timeoutMs),
  };
}

/** Ends a run: preStop hook, SIGTERM, SIGKILL after the grace; resolves when it has ended. */
export async function stopRun(run: Run, graceSeconds: number): Promise<void> {
  const { spec, host, running } = run;
  const deadline = Date.now() + graceSeconds * 1_000;
  const preStop = (spec.lifecycle as { preStop?: object } | undefined)?.preStop;
  if (preStop !== undefined && graceSeconds > 0) {
    const ok = await runHook(preStop, probeTarget(run), graceSeconds * 1_000);
    if (!ok) host.event(spec, "Warning", "FailedPreStopHook", "PreStopHook failed");
  }
  if (graceSeconds > 0) running.process.terminate();
  const timer = setTimeout(() => running.process.kill(), Math.max(0, deadline - Date.now()));
  await running.process.ended;
  clearTimeout(timer);
}
