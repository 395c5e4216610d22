/** Growing pauses between tries: doubled from `first` up to `max` milliseconds, each with some jitter. */
export class Backoff {
  readonly #first: number;
  readonly #max: number;
  #tries = 0;

  constructor(first = 20, max = 5000) {
    this.#first = first;
    this.#max = max;
  }

  /** The pause before the next try, in milliseconds. */
  next(): number {
    const base = Math.min(this.#first * 2 ** this.#tries, this.#max);
    this.#tries = Math.min(this.#tries + 1, 30);
    return base * (0.75 + Math.random() * 0.5);
  }

  /** To be called when something worked: the next pause is a short one again. */
  reset(): void {
    this.#tries = 0;
  }
}

/** Waits so many milliseconds, or until the signal aborts; never rejects. */
export function pause(milliseconds: number, signal?: AbortSignal): Promise<void> {
  if (signal?.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, milliseconds);
    signal?.addEventListener("abort", done, { once: true });
  });
}
