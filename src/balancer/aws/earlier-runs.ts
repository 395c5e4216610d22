/** What earlier runs of a Service found and told, so that nothing is told twice and waits get longer. */
import type { Applied } from "./apply.ts";

/** The memory of earlier runs, by Service (`namespace/name`). */
export class EarlierRuns {
  /** Runs in a row, by Service, that found something in use. */
  readonly #busyRuns = new Map<string, number>();
  /** What each Service was last told to be waiting for. */
  readonly #toldWaits = new Map<string, string>();

  /** What the status waits for, if it is another thing than the last time. */
  newWait(key: string, { wait, published }: Applied, publishes: boolean): string | undefined {
    const told = this.#toldWaits.get(key);
    // a wait after the publication is for something else, as the end of the grace period
    const waits = publishes && published === undefined ? wait?.for : undefined;
    if (waits === undefined) this.#toldWaits.delete(key);
    else this.#toldWaits.set(key, waits);
    return waits === told ? undefined : waits;
  }

  /** How many runs in a row before this one found something in use. */
  countBusy(key: string, { busy }: Applied): number {
    const runs = this.#busyRuns.get(key) ?? 0;
    if (busy.length === 0) this.#busyRuns.delete(key);
    else this.#busyRuns.set(key, runs + 1);
    return runs;
  }

  /** Forgets what a Service was told to be waiting for. */
  forgetWait(key: string): void {
    this.#toldWaits.delete(key);
  }
}
