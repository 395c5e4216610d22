/** What one replica of a mesh alone does: the one that leads. */

/** What a {@link Term} works with. */
export interface TermParts {
  /** Has the API server ask the webhook; tries until it has worked. @throws the reason of the signal */
  readonly register: (during: AbortSignal) => Promise<void>;
  readonly begin: () => void;
  /** Resolves when nothing is written any more. */
  readonly end: () => Promise<void>;
}

/** Whether this replica leads, and what comes with that. */
export class Term {
  readonly #parts: TermParts;
  readonly #registered = Promise.withResolvers<void>();
  #leads = false;

  constructor(parts: TermParts) {
    this.#parts = parts;
    this.#registered.promise.catch(() => {}); // not everybody waits for it
  }

  get leads(): boolean {
    return this.#leads;
  }

  /** Resolves when this replica led and the API server had been told of it. */
  get registered(): Promise<void> {
    return this.#registered.promise;
  }

  /** Tells the API server again, where this replica leads: its authority is another one. */
  async register(during: AbortSignal): Promise<void> {
    if (this.#leads) await this.#parts.register(during);
  }

  /** Leads until the signal aborts. */
  async lead(during: AbortSignal): Promise<void> {
    const { register, begin, end } = this.#parts;
    const over = new Promise<void>((resolve) => {
      during.addEventListener("abort", () => resolve(), { once: true });
      if (during.aborted) resolve();
    });
    this.#leads = true;
    begin();
    try {
      await register(during);
      this.#registered.resolve();
    } catch (error) {
      this.#registered.reject(error);
      if (!during.aborted) throw error;
    }
    await over;
    this.#leads = false;
    await end();
  }
}
