import type { Probe } from "../../objects/types.ts";
import { type ProbeTarget, tryProbe } from "./probe.ts";

/** Which probe of a container, as events name it. */
export type ProbeKind = "Startup" | "Readiness" | "Liveness";

/** Who is told what a probe finds. */
export interface ProbeListener {
  /** The probe's verdict changed, by its thresholds. */
  onVerdict(ok: boolean): void;
  /** One try failed; counts for events only. */
  onFailure(message: string): void;
}

/** Pauses between the tries of a container that never succeeded yet, until they reach the probe's period. */
const EAGER_FIRST_MS = 20;
const EAGER_FACTOR = 1.5;

/**
 * Runs one probe of one run of a container until the signal aborts. Periods and thresholds are Kubernetes'. Beyond
 * them, a container that did not succeed yet is tried again after 20 ms, 30 ms, … up to the period: such early tries
 * can only bring good news sooner; their failures do not count.
 */
export async function runProber(
  probe: Probe,
  kind: ProbeKind,
  target: ProbeTarget,
  listener: ProbeListener,
  signal: AbortSignal,
): Promise<void> {
  const periodMs = (probe.periodSeconds ?? 10) * 1_000;
  const eager = kind !== "Liveness";
  await pause((probe.initialDelaySeconds ?? 0) * 1_000, signal);
  let verdict: boolean | undefined;
  let streak = { ok: true, length: 0 };
  let nextCounted = performance.now() + (eager ? periodMs : 0);
  let wait = EAGER_FIRST_MS;
  let early = eager;
  while (!signal.aborted) {
    // not told by the clock: timers may come a part of a millisecond before it, and a failure would be lost
    const counted = !early;
    if (counted) nextCounted += periodMs;
    const result = await tryProbe(probe, target);
    if (signal.aborted) return;
    if (result.ok || counted) {
      streak = { ok: result.ok, length: streak.ok === result.ok ? streak.length + 1 : 1 };
      if (!result.ok) listener.onFailure(result.message);
      const threshold = result.ok ? (probe.successThreshold ?? 1) : (probe.failureThreshold ?? 3);
      if (streak.length >= threshold && verdict !== result.ok) {
        verdict = result.ok;
        listener.onVerdict(verdict);
      }
    }
    if (kind === "Startup" && verdict !== undefined) return;
    const untilCounted = Math.max(0, nextCounted - performance.now());
    early = eager && verdict === undefined && wait < untilCounted;
    await pause(early ? wait : untilCounted, signal);
    wait *= EAGER_FACTOR;
  }
}

/** Waits, or returns at once when the signal aborts. */
export function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted || milliseconds <= 0) return resolve();
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, milliseconds);
    signal.addEventListener("abort", done, { once: true });
  });
}
