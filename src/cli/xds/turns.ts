/** When the models have changed: one turn of the event loop's changes are one step of what carries them on. */
import type { TrafficModel } from "../../traffic/index.ts";

/** Plans steps, one a turn however much changed in it, and keeps the frontends that changed for the next. */
export class Turns {
  /** Frontends whose endpoints changed; the step takes them out. */
  readonly frontends = new Set<string>();
  readonly #step: () => void;
  #isPlanned = false;

  /** @param step carries on what changed; must not throw */
  constructor(step: () => void) {
    this.#step = step;
  }

  /** Whether something has changed since the last step. */
  get isPlanned(): boolean {
    return this.#isPlanned;
  }

  /** Plans a step whenever a model says that it changed; gives what ends that. */
  follow(model: { onDirty(listener: () => void): () => void }, traffic: Pick<TrafficModel, "onChange">) {
    const ends = [
      model.onDirty(() => this.plan()),
      traffic.onChange((keys) => {
        for (const key of keys) this.frontends.add(key);
        this.plan();
      }),
    ];
    return (): void => {
      for (const end of ends) end();
    };
  }

  /** Has a step made when this turn is over. */
  plan(): void {
    if (this.#isPlanned) return;
    this.#isPlanned = true;
    setImmediate(() => this.now());
  }

  /** Makes a step at once. */
  now(): void {
    this.#isPlanned = false;
    this.#step();
  }
}
