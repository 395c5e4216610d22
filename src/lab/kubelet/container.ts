import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { formatTime } from "../../objects/time.ts";
import type { Container, ContainerState } from "../../objects/types.ts";
import { formatGoDuration, RestartBackoff } from "./backoff.ts";
import type { ContainerCgroup } from "./cgroup.ts";
import { limitsOf } from "./cgroup-limits.ts";
import type { FamilyVerdicts } from "./family-probes.ts";
import { LogFile } from "./log-file.ts";
import { pause } from "./prober.ts";
import { StartError } from "./process.ts";
import { type RestartRule, restarts } from "./restart-rule.ts";
import { type HealthListener, RunHealth } from "./run-health.ts";
import { type ContainerHost, type Run, type RunningContainer, stopRun } from "./running-container.ts";
import { launchRun, prepareRun, startFailure } from "./start-run.ts";
import type { ContainerFacts } from "./status.ts";
import { terminationMessage } from "./termination-message.ts";

type Ended = NonNullable<ContainerState["terminated"]>;

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
      if (end !== undefined && !restarts(this.#rule, end.exitCode)) return end;
      await this.#backOff(this.#backoff.delayAfter(Date.now() - began), end);
      if (this.#stop.signal.aborted) return end;
    }
  }

  /** Ends the container: preStop hook, SIGTERM, SIGKILL after the grace. It does not start again. */
  async terminate(graceSeconds: number): Promise<void> {
    this.#stop.abort();
    if (this.#current === undefined) return;
    this.#host.event(this.spec, "Normal", "Killing", `Stopping container ${this.spec.name}`);
    await stopRun(this.#runOf(this.#current), graceSeconds);
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
    const startedAt = formatTime(new Date());
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
    void this.#healthOf(running, probes.signal).follow();
    const end = await running.process.ended;
    probes.abort();
    this.#current = undefined;
    this.#ready = false;
    this.#started = false;
    const reason = this.#reasonOf(end.exitCode);
    void this.#cgroup?.remove(); // the pod's end waits for it
    const containerID = this.#id;
    const message = await terminationMessage(
      this.spec,
      end.exitCode,
      this.#log,
      `/proc/${running.sandboxPid}/root`,
    );
    const terminated = {
      ...end,
      reason,
      ...(message !== undefined && { message }),
      startedAt,
      finishedAt: formatTime(new Date()),
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
    const { spec } = this;
    const host = this.#host;
    const sandbox = await host.sandbox();
    const prepared = await prepareRun(spec, host);
    const image = JSON.stringify(spec.image);
    host.event(spec, "Normal", "Pulled", `Container image ${image} already present on machine`);
    const log = this.#nextRun();
    host.event(spec, "Normal", "Created", `Container created`);
    const limits = limitsOf(spec, prepared.command);
    this.#cgroup = (await host.cgroup()).container(spec.name, this.#runs, limits);
    return launchRun(spec, prepared, { sandboxPid: sandbox.pid, log, joins: this.#cgroup.joins });
  }

  #nextRun(): LogFile {
    if (this.#state.terminated) this.#lastState = { terminated: this.#state.terminated };
    this.#id = `tandem://${randomBytes(32).toString("hex")}`;
    this.#previousLog = this.#log;
    this.#log = new LogFile(join(this.#host.logDir, `${this.spec.name}.${this.#runs}.log`));
    this.#runs++;
    return this.#log;
  }

  /** Says why in the state and an event. A program that is missing counts as a run that failed, an image does not. */
  #startFailed(error: Error, startedAt: string): Ended | undefined {
    const { reason, eventText } = startFailure(this.spec, error);
    this.#host.event(this.spec, "Warning", "Failed", eventText);
    if (!(error instanceof StartError)) {
      this.#setState({ waiting: { reason, message: error.message } });
      return undefined;
    }
    this.#log?.close();
    const message = `failed to start container ${JSON.stringify(this.spec.name)}: ${error.message}`;
    const end = {
      exitCode: 128,
      reason: "StartError",
      message,
      startedAt,
      finishedAt: formatTime(new Date()),
    };
    this.#lastState = { terminated: end };
    this.#setState(this.#rule === "never" ? { terminated: end } : { waiting: { reason, message } });
    return end;
  }

  #healthOf(running: RunningContainer, signal: AbortSignal): RunHealth {
    const listener: HealthListener = {
      onStarted: (ready) => {
        this.#started = true;
        this.#ready = ready;
        this.#onStarted.resolve();
        this.#host.changed();
      },
      onReady: (ready) => {
        this.#ready = ready;
        this.#host.changed();
      },
      onFamily: (family, verdict) => {
        this.#families = { ...this.#families, [family]: verdict };
        this.#host.changed();
      },
    };
    return new RunHealth(this.#runOf(running), listener, signal);
  }

  #runOf(running: RunningContainer): Run {
    return { spec: this.spec, host: this.#host, running };
  }

  #setState(state: ContainerState): void {
    this.#state = state;
    this.#host.changed();
  }
}
