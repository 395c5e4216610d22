/** So much is a lot, and so many milliseconds without anything are quiet. */
const BUSY_STEPS = 20;
const QUIET_AFTER = 2_000;

/** Calls back when nothing happens any more after a lot has: the time for what would disturb. */
export class Quiet {
  readonly #onQuiet: () => void;
  #steps = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(onQuiet: () => void) {
    this.#onQuiet = onQuiet;
  }

  /** Something has happened that is as much as so many steps. */
  note(steps = 1): void {
    this.#steps += steps;
    if (this.#steps < BUSY_STEPS) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#steps = 0;
      this.#onQuiet();
    }, QUIET_AFTER);
  }

  /** Ends waiting. */
  stop(): void {
    clearTimeout(this.#timer);
  }
}
