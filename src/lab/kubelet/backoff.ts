const INITIAL_MS = 10_000;
const MAX_MS = 300_000;
const RESET_AFTER_MS = 600_000;

/**
 * The kubelet's restart back-off: the first restart is immediate, then 10 s, 20 s, … up to 5 min; a run of 10 min
 * starts it anew.
 */
export class RestartBackoff {
  #next = 0;

  /** How long to wait before the next start, after a run of the given length. */
  delayAfter(ranMs: number): number {
    if (ranMs >= RESET_AFTER_MS) this.#next = 0;
    const delay = this.#next;
    this.#next = delay === 0 ? INITIAL_MS : Math.min(delay * 2, MAX_MS);
    return delay;
  }
}

/** A duration in Go's form: `10s`, `1m20s`, `5m0s`. */
export function formatGoDuration(milliseconds: number): string {
  const seconds = Math.round(milliseconds / 1_000);
  return seconds < 60 ? `${seconds}s` : `${Math.floor(seconds / 60)}m${seconds % 60}s`;
}
