/** How a queue works off its keys. */
export interface WorkQueueOptions {
  /** Named in the log. */
  readonly name: string;
  /** Keys under way at once; the same key never is twice. */
  readonly workers?: number;
  /** A key that failed so often in a row is dropped, until something adds it again. */
  readonly maxRetries?: number;
  /** Milliseconds before the first retry; doubled for each further one, up to 30 s. */
  readonly firstRetry?: number;
  /** Told of each failure, and whether the key is dropped now. */
  readonly onFailure?: (key: string, error: unknown, dropped: boolean) => void;
}

const MAX_RETRY_DELAY = 30_000;

/**
 * A set of keys of objects to look at, worked off in the order of arrival. A key that is added while it waits
 * stands in the queue once; one that is added while it is under way is worked again afterwards. Failures are
 * retried with growing pauses. The queue holds at most one entry per object, so that it is bounded by the
 * objects that exist.
 */
export class WorkQueue {
  readonly #options: Required<WorkQueueOptions>;
  readonly #work: (key: string) => Promise<void>;
  readonly #waiting = new Set<string>();
  readonly #running = new Set<string>();
  readonly #again = new Set<string>();
  readonly #failures = new Map<string, number>();
  readonly #timers = new Map<string, { due: number; timer: NodeJS.Timeout }>();
  readonly #idle: (() => void)[] = [];
  #started = false;
  #stopped = false;

  constructor(options: WorkQueueOptions, work: (key: string) => Promise<void>) {
    this.#options = { workers: 4, maxRetries: 15, firstRetry: 5, onFailure: () => {}, ...options };
    this.#work = work;
  }

  /** The name of the queue. */
  get name(): string {
    return this.#options.name;
  }

  /** Lets the work begin, or go on; keys added before have waited. */
  start(): void {
    this.#started = true;
    this.#pump();
  }

  /** Lets no further work begin until the next start: keys gather. Resolves when what is under way has ended. */
  pause(): Promise<void> {
    this.#started = false;
    return this.#ended();
  }

  /** Takes no further key and forgets those that wait; resolves when what is under way has ended. */
  stop(): Promise<void> {
    this.#stopped = true;
    this.#waiting.clear();
    this.#again.clear();
    for (const { timer } of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
    return this.#ended();
  }

  #ended(): Promise<void> {
    if (this.#running.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#idle.push(resolve));
  }

  add(key: string): void {
    if (this.#stopped) return;
    if (this.#running.has(key)) this.#again.add(key);
    else {
      this.#waiting.add(key);
      this.#pump();
    }
  }

  /** Adds the key later; of several times for one key the earliest counts. */
  addAfter(key: string, milliseconds: number): void {
    if (this.#stopped) return;
    const due = Date.now() + milliseconds;
    const planned = this.#timers.get(key);
    if (planned !== undefined && planned.due <= due) return;
    clearTimeout(planned?.timer);
    const timer = setTimeout(() => {
      this.#timers.delete(key);
      this.add(key);
    }, milliseconds);
    this.#timers.set(key, { due, timer });
  }

  #pump(): void {
    while (this.#started && !this.#stopped && this.#running.size < this.#options.workers) {
      const [key] = this.#waiting;
      if (key === undefined) return;
      this.#waiting.delete(key);
      this.#running.add(key);
      void this.#process(key);
    }
  }

  async #process(key: string): Promise<void> {
    try {
      await this.#work(key);
      this.#failures.delete(key);
    } catch (error) {
      this.#failed(key, error);
    }
    this.#running.delete(key);
    if (this.#again.delete(key)) this.#waiting.add(key);
    if (this.#running.size === 0) for (const resolve of this.#idle.splice(0)) resolve();
    this.#pump();
  }

  #failed(key: string, error: unknown): void {
    if (this.#stopped) return;
    const failures = (this.#failures.get(key) ?? 0) + 1;
    const dropped = failures > this.#options.maxRetries;
    this.#options.onFailure(key, error, dropped);
    if (dropped) this.#failures.delete(key);
    else {
      this.#failures.set(key, failures);
      this.addAfter(key, Math.min(this.#options.firstRetry * 2 ** (failures - 1), MAX_RETRY_DELAY));
    }
  }
}
