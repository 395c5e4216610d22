import { randomBytes } from "node:crypto";
import { join } from "node:path";
import type { Container, ContainerState, Pod, Probe } from "../../objects/types.ts";
import { commandLine, type LabImages, programOf, UnknownImage } from "../images/registry.ts";
import type { ContainerCgroup, PodCgroup } from "./cgroup.ts";
import { limitsOf } from "./cgroup-limits.ts";
import { linkPrograms } from "./image-links.ts";
import { formatGoDuration, RestartBackoff } from "./backoff.ts";
import { ConfigError } from "./env.ts";
import { expandVariables } from "./expand.ts";
import { FamilyProbes, type FamilyVerdicts } from "./family-probes.ts";
import { runHook } from "./hooks.ts";
import { listenersOf } from "./listeners.ts";
import { LogFile } from "./log-file.ts";
import type { ProbeTarget } from "./probe.ts";
import { type ProbeKind, pause, runProber } from "./prober.ts";
import { type BindMount, type ContainerProcess, StartError, startProcess } from "./process.ts";
import type { Sandbox } from "./sandbox.ts";
import { type ContainerFacts, isSidecar } from "./status.ts";
import { terminationMessage } from "./termination-message.ts";

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

type Ended = NonNullable<ContainerState["terminated"]>;

/** Which containers are started again after they ended. */
export type RestartRule = "always" | "on-failure" | "never";

/**
 * One container over all its runs: starts it, probes it, and starts it again as its rule says. `facts` is what the
 * pod's status tells of it.
 */
export class ContainerRunner {
  readonly spec: Container;
  readonly #host: ContainerHost;
  readonly #rule: RestartRule;
  readonly #backoff = new RestartBackoff();
  readonly #stop = new AbortController();
  #state: ContainerState;
  #lastState: ContainerState | undefined;
  #id: string | undefined;
  #runs = 0;
  #ready = false;
  #started = false;
  /** Kept from run to run, until the next one is probed: conditions of a pod do not go away. */
  #families: FamilyVerdicts = {};
  #current: RunningContainer | undefined;
  #cgroup: ContainerCgroup | undefined;
  #log: LogFile | undefined;
  #previousLog: LogFile | undefined;
  #onStarted = Promise.withResolvers<void>();

  constructor(spec: Container, host: ContainerHost, rule: RestartRule, waiting: string) {
    this.spec = spec;
    this.#host = host;
    this.#rule = rule;
    this.#state = { waiting: { reason: waiting } };
  }

  get facts(): ContainerFacts {
    return {
      spec: this.spec,
      state: this.#state,
      ...(this.#lastState === undefined ? {} : { lastState: this.#lastState }),
      ...(this.#id === undefined ? {} : { containerID: this.#id }),
      restartCount: Math.max(0, this.#runs - 1),
      ready: this.#ready,
      started: this.#started,
      families: this.#families,
    };
  }

  /** The current run; undefined when the container is not running. */
  get current(): RunningContainer | undefined {
    return this.#current;
  }

  /** The log of the current or last run, or of the one before it. */
  log(previous: boolean): LogFile | undefined {
    return previous ? this.#previousLog : this.#log;
  }

  /** Resolves once the container has started: its startup probe, if it has one, has succeeded. */
  get whenStarted(): Promise<void> {
    return this.#onStarted.promise;
  }

  /** Runs the container until it ended for good; resolves with its last end, undefined when it never ran. */
  async run(): Promise<Ended | undefined> {
    for (;;) {
      const began = Date.now();
      const end = await this.#runOnce();
      if (this.#stop.signal.aborted) return end;
      if (end !== undefined && !this.#restarts(end)) return end;
      await this.#backOff(this.#backoff.delayAfter(Date.now() - began), end);
      if (this.#stop.signal.aborted) return end;
    }
  }

  /** Ends the container: preStop hook, SIGTERM, SIGKILL after the grace. It does not start again. */
  async terminate(graceSeconds: number): Promise<void> {
    this.#stop.abort();
    if (this.#current === undefined) return;
    this.#host.event(this.spec, "Normal", "Killing", `Stopping container ${this.spec.name}`);
    await this.#stopRun(this.#current, graceSeconds);
  }

  #restarts(end: Ended): boolean {
    return this.#rule === "always" || (this.#rule === "on-failure" && end.exitCode !== 0);
  }

  async #backOff(delay: number, end: Ended | undefined): Promise<void> {
    if (delay === 0) return;
    const { name, namespace, uid } = this.#host.pod().metadata;
    const pullFailed = end === undefined && this.#state.waiting?.reason === "ErrImagePull";
    if (pullFailed) {
      const message = `Back-off pulling image ${JSON.stringify(this.spec.image)}: ErrImagePull: ${this.#state.waiting?.message}`;
      this.#host.event(
        this.spec,
        "Normal",
        "BackOff",
        `Back-off pulling image ${JSON.stringify(this.spec.image)}`,
      );
      this.#setState({ waiting: { reason: "ImagePullBackOff", message } });
    } else if (end !== undefined) {
      const where = `container=${this.spec.name} pod=${name}_${namespace}(${uid})`;
      const message = `back-off ${formatGoDuration(delay)} restarting failed ${where}`;
      const eventText = `Back-off restarting failed container ${this.spec.name} in pod ${name}_${namespace}(${uid})`;
      this.#host.event(this.spec, "Warning", "BackOff", eventText);
      this.#lastState = { terminated: end };
      this.#setState({ waiting: { reason: "CrashLoopBackOff", message } });
    }
    await pause(delay, this.#stop.signal);
  }

  /** One run from start to end; undefined when it could not even be made (image, configuration). */
  async #runOnce(): Promise<Ended | undefined> {
    const startedAt = timestamp();
    let running: RunningContainer;
    try {
      running = await this.#start();
    } catch (error) {
      void this.#cgroup?.remove();
      return this.#startFailed(error as Error, startedAt);
    }
    if (this.#stop.signal.aborted) running.process.kill();
    this.#current = running;
    const probes = new AbortController();
    this.#setState({ running: { startedAt } });
    this.#host.event(this.spec, "Normal", "Started", `Started container ${this.spec.name}`);
    void this.#afterStart(running, probes.signal);
    const end = await running.process.ended;
    probes.abort();
    this.#current = undefined;
    this.#ready = false;
    this.#started = false;
    const reason = this.#reasonOf(end.exitCode);
    void this.#cgroup?.remove(); // the pod's end waits for it
    const containerID = this.#id;
    const message = await terminationMessage(this.spec, end.exitCode, this.#log);
    const terminated = {
      ...end,
      reason,
      ...(message !== undefined && { message }),
      startedAt,
      finishedAt: timestamp(),
      ...(containerID ? { containerID } : {}),
    };
    this.#setState({ terminated });
    return terminated;
  }

  /** As containerd has it: a container that lost a process for lack of memory says so, however it ended. */
  #reasonOf(exitCode: number): string {
    if (this.#cgroup?.oomKilled()) return "OOMKilled";
    return exitCode === 0 ? "Completed" : "Error";
  }

  async #start(): Promise<RunningContainer> {
    this.#cgroup = undefined;
    const host = this.#host;
    const sandbox = await host.sandbox();
    const program = programOf(this.spec.image ?? "", host.images);
    const env = await host.environment(this.spec);
    const lookup = (name: string) => env[name];
    const expand = (texts?: string[]) => texts?.map((text) => expandVariables(text, lookup));
    const command = commandLine(program, expand(this.spec.command), expand(this.spec.args));
    const mounts = host.mounts(this.spec, env);
    const cwd = this.spec.workingDir || "/";
    const image = JSON.stringify(this.spec.image);
    host.event(this.spec, "Normal", "Pulled", `Container image ${image} already present on machine`);
    this.#nextRun();
    host.event(this.spec, "Normal", "Created", `Container created`);
    const log = this.#log as LogFile;
    const limits = limitsOf(this.spec, command);
    this.#cgroup = (await host.cgroup()).container(this.spec.name, this.#runs, limits);
    const { joins } = this.#cgroup;
    linkPrograms(sandbox.pid, program);
    const { stdin = false, tty = false, stdinOnce = false } = this.spec;
    const process = startProcess({
      sandboxPid: sandbox.pid,
      command,
      env,
      cwd,
      mounts,
      log,
      joins,
      stdin,
      tty,
    });
    await process.mounted;
    return { name: this.spec.name, process, env, cwd, mounts, joins, sandboxPid: sandbox.pid, stdinOnce };
  }

  #nextRun(): void {
    if (this.#state.terminated) this.#lastState = { terminated: this.#state.terminated };
    this.#id = `tandem://${randomBytes(32).toString("hex")}`;
    this.#previousLog = this.#log;
    this.#log = new LogFile(join(this.#host.logDir, `${this.spec.name}.${this.#runs}.log`));
    this.#runs++;
  }

  /** Says why in the state and an event. A program that is missing counts as a run that failed, an image does not. */
  #startFailed(error: Error, startedAt: string): Ended | undefined {
    const { reason, eventText } = this.#failureOf(error);
    this.#host.event(this.spec, "Warning", "Failed", eventText);
    if (!(error instanceof StartError)) {
      this.#setState({ waiting: { reason, message: error.message } });
      return undefined;
    }
    this.#log?.close();
    const message = `failed to start container ${JSON.stringify(this.spec.name)}: ${error.message}`;
    const end = { exitCode: 128, reason: "StartError", message, startedAt, finishedAt: timestamp() };
    this.#lastState = { terminated: end };
    this.#setState(this.#rule === "never" ? { terminated: end } : { waiting: { reason, message } });
    return end;
  }

  #failureOf(error: Error): { reason: string; eventText: string } {
    if (error instanceof UnknownImage) {
      const image = JSON.stringify(this.spec.image);
      return { reason: "ErrImagePull", eventText: `Failed to pull image ${image}: ${error.message}` };
    }
    if (error instanceof ConfigError)
      return { reason: "CreateContainerConfigError", eventText: `Error: ${error.message}` };
    const reason = error instanceof StartError ? "RunContainerError" : "CreateContainerError";
    return { reason, eventText: `Error: ${error.message}` };
  }

  async #afterStart(running: RunningContainer, signal: AbortSignal): Promise<void> {
    const postStart = (this.spec.lifecycle as { postStart?: object } | undefined)?.postStart;
    const target = this.#target(running);
    if (postStart !== undefined && !(await runHook(postStart, target, HOOK_TIMEOUT_MS))) {
      this.#host.event(this.spec, "Warning", "FailedPostStartHook", "PostStartHook failed");
      await this.#stopRun(running, this.#graceOf());
      return;
    }
    if (signal.aborted) return;
    const { startupProbe } = this.spec;
    if (startupProbe === undefined) this.#hasStarted(running, target, signal);
    else
      void this.#probe(
        startupProbe,
        "Startup",
        target,
        signal,
        (ok) => ok && this.#hasStarted(running, target, signal),
      );
  }

  #hasStarted(running: RunningContainer, target: ProbeTarget, signal: AbortSignal): void {
    const { readinessProbe, livenessProbe } = this.spec;
    this.#started = true;
    this.#ready = readinessProbe === undefined;
    this.#onStarted.resolve();
    this.#host.changed();
    if (livenessProbe) void this.#probe(livenessProbe, "Liveness", target, signal, () => {});
    const families = this.#familyProbes(running, target, signal);
    families.start();
    if (readinessProbe === undefined) return;
    void this.#probe(readinessProbe, "Readiness", target, signal, (ok) => {
      this.#ready = ok;
      families.primary(ok);
      this.#host.changed();
    });
  }

  #familyProbes(running: RunningContainer, target: ProbeTarget, signal: AbortSignal): FamilyProbes {
    return new FamilyProbes({
      container: this.spec,
      podIPs: (this.#host.pod().status?.podIPs ?? []).map(({ ip }) => ip),
      target,
      listeners: () => listenersOf(running.sandboxPid),
      onVerdict: (family, verdict) => {
        this.#families = { ...this.#families, [family]: verdict };
        this.#host.changed();
      },
      signal,
    });
  }

  #probe(
    probe: Probe,
    kind: ProbeKind,
    target: ProbeTarget,
    signal: AbortSignal,
    onVerdict: (ok: boolean) => void,
  ): Promise<void> {
    const listener = {
      onFailure: (message: string) =>
        this.#host.event(this.spec, "Warning", "Unhealthy", `${kind} probe failed: ${message}`),
      onVerdict: (ok: boolean) => {
        onVerdict(ok);
        if (!ok && kind !== "Readiness") this.#killUnhealthy(kind, probe);
      },
    };
    return runProber(probe, kind, target, listener, signal);
  }

  #killUnhealthy(kind: ProbeKind, probe: Probe): void {
    if (this.#current === undefined) return;
    const text = `Container ${this.spec.name} failed ${kind.toLowerCase()} probe, will be restarted`;
    this.#host.event(this.spec, "Normal", "Killing", text);
    void this.#stopRun(this.#current, probe.terminationGracePeriodSeconds ?? this.#graceOf());
  }

  #target(running: RunningContainer): ProbeTarget {
    return {
      container: this.spec,
      podIP: this.#host.pod().status?.podIP ?? "",
      exec: (command, timeoutMs) => this.#host.exec(running, command, timeoutMs),
    };
  }

  #graceOf(): number {
    return this.#host.pod().spec.terminationGracePeriodSeconds ?? 30;
  }

  async #stopRun(running: RunningContainer, graceSeconds: number): Promise<void> {
    const deadline = Date.now() + graceSeconds * 1_000;
    const preStop = (this.spec.lifecycle as { preStop?: object } | undefined)?.preStop;
    if (preStop !== undefined && graceSeconds > 0) {
      const ok = await runHook(preStop, this.#target(running), graceSeconds * 1_000);
      if (!ok) this.#host.event(this.spec, "Warning", "FailedPreStopHook", "PreStopHook failed");
    }
    if (graceSeconds > 0) running.process.terminate();
    const timer = setTimeout(() => running.process.kill(), Math.max(0, deadline - Date.now()));
    await running.process.ended;
    clearTimeout(timer);
  }

  #setState(state: ContainerState): void {
    this.#state = state;
    this.#host.changed();
  }
}

const HOOK_TIMEOUT_MS = 30_000;

/** The time now as the API writes it: RFC 3339, whole seconds. */
export function timestamp(): string {
  return new Date().toISOString().replace(/\.\d+/, "");
}

/** How a container of a pod is restarted, by the pod's policy and the container's place. */
export function restartRuleOf(pod: Pod, container: Container, init: boolean): RestartRule {
  if (init && isSidecar(container)) return "always";
  const policy = pod.spec.restartPolicy ?? "Always";
  if (policy === "Never") return "never";
  return init || policy === "OnFailure" ? "on-failure" : "always";
}
