/** A clock that stands still until it is told to move: time for tests. */
export class FakeClock {
  #now: number;

  /** Starts at a time in milliseconds since 1970; 2026-01-01 unless told. */
  constructor(start = Date.UTC(2026, 0, 1)) {
    this.#now = start;
  }

  readonly now = (): number => this.#now;

  /** Moves time on. */
  advance(ms: number): void {
    this.#now += ms;
  }

  /** Sleeps by moving time on: what waits by this never waits in truth. */
  readonly sleep = (ms: number): Promise<void> => {
    this.advance(ms);
    return Promise.resolve();
  };
}
