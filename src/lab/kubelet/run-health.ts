/** What becomes of one run of a container once its process is there: its postStart hook, and its probes. */
import type { Family } from "../../ip/family.ts";
import type { Probe } from "../../objects/types.ts";
import { FamilyProbes, type FamilyVerdict } from "./family-probes.ts";
import { runHook } from "./hooks.ts";
import { listenersOf } from "./listeners.ts";
import type { ProbeTarget } from "./probe.ts";
import { type ProbeKind, runProber } from "./prober.ts";
import { probeTarget, type Run, stopRun } from "./running-container.ts";

const HOOK_TIMEOUT_MS = 30_000;

/** Who is told how a run fares. */
export interface HealthListener {
  /** Its startup probe, if it has one, has succeeded; `ready`: no readiness probe is to be waited for. */
  onStarted(ready: boolean): void;
  /** The verdict of its readiness probe changed. */
  onReady(ready: boolean): void;
  /** Whether it answers at the pod's address of a family. */
  onFamily(family: Family, verdict: FamilyVerdict): void;
}

/** Follows a run until the signal aborts, as it does when the run has ended; ends the run where a probe says so. */
export class RunHealth {
  readonly #run: Run;
  readonly #target: ProbeTarget;
  readonly #listener: HealthListener;
  readonly #signal: AbortSignal;

  constructor(run: Run, listener: HealthListener, signal: AbortSignal) {
    this.#run = run;
    this.#target = probeTarget(run);
    this.#listener = listener;
    this.#signal = signal;
  }

  /** Begins with the postStart hook, without which nothing else of the run counts. */
  async follow(): Promise<void> {
    const { spec, host } = this.#run;
    const postStart = (spec.lifecycle as { postStart?: object } | undefined)?.postStart;
    if (postStart !== undefined && !(await runHook(postStart, this.#target, HOOK_TIMEOUT_MS))) {
      host.event(spec, "Warning", "FailedPostStartHook", "PostStartHook failed");
      await stopRun(this.#run, this.#grace());
      return;
    }
    if (this.#signal.aborted) return;
    if (spec.startupProbe === undefined) this.#hasStarted();
    else this.#probe(spec.startupProbe, "Startup", (ok) => ok && this.#hasStarted());
  }

  #hasStarted(): void {
    const { readinessProbe, livenessProbe } = this.#run.spec;
    this.#listener.onStarted(readinessProbe === undefined);
    if (livenessProbe) this.#probe(livenessProbe, "Liveness", () => {});
    const families = this.#familyProbes();
    families.start();
    if (readinessProbe === undefined) return;
    this.#probe(readinessProbe, "Readiness", (ok) => {
      this.#listener.onReady(ok);
      families.primary(ok);
    });
  }

  #familyProbes(): FamilyProbes {
    const { spec, host, running } = this.#run;
    return new FamilyProbes({
      container: spec,
      podIPs: (host.pod().status?.podIPs ?? []).map(({ ip }) => ip),
      target: this.#target,
      listeners: () => listenersOf(running.sandboxPid),
      onVerdict: (family, verdict) => this.#listener.onFamily(family, verdict),
      signal: this.#signal,
    });
  }

  #probe(probe: Probe, kind: ProbeKind, onVerdict: (ok: boolean) => void): void {
    const { spec, host } = this.#run;
    const listener = {
      onFailure: (message: string) =>
        host.event(spec, "Warning", "Unhealthy", `${kind} probe failed: ${message}`),
      onVerdict: (ok: boolean) => {
        onVerdict(ok);
        if (!ok && kind !== "Readiness") this.#killUnhealthy(kind, probe);
      },
    };
    void runProber(probe, kind, this.#target, listener, this.#signal);
  }

  #killUnhealthy(kind: ProbeKind, probe: Probe): void {
    const { spec, host } = this.#run;
    const text = `Container ${spec.name} failed ${kind.toLowerCase()} probe, will be restarted`;
    host.event(spec, "Normal", "Killing", text);
    void stopRun(this.#run, probe.terminationGracePeriodSeconds ?? this.#grace());
  }

  #grace(): number {
    return this.#run.host.pod().spec.terminationGracePeriodSeconds ?? 30;
  }
}
