import type { Container, Pod } from "../../objects/types.ts";
import type { ContainerRunner } from "./container.ts";

/**
 * The ephemeral containers of a pod, which `kubectl debug` adds while it runs: each runs once, beside the others, and
 * counts for nothing of the pod's phase and readiness (KEP-277).
 */
export class EphemeralContainers {
  readonly #make: (spec: Container) => ContainerRunner;
  readonly #runners: ContainerRunner[] = [];
  #running: Promise<unknown> = Promise.resolve();

  /** `make` gives a runner that never starts its container again. */
  constructor(make: (spec: Container) => ContainerRunner) {
    this.#make = make;
  }

  /** In the order in which they were added. */
  get runners(): readonly ContainerRunner[] {
    return this.#runners;
  }

  /** Starts those of the pod that it has not met yet; none is ever taken away. */
  start(pod: Pod): void {
    for (const spec of pod.spec.ephemeralContainers ?? []) {
      if (this.#runners.some((known) => known.spec.name === spec.name)) continue;
      const runner = this.#make(spec);
      this.#runners.push(runner);
      this.#running = Promise.all([this.#running, runner.run()]);
    }
  }

  /** Ends them; resolves when none is left. */
  async terminate(graceSeconds: number): Promise<void> {
    await Promise.all(this.#runners.map((runner) => runner.terminate(graceSeconds)));
    await this.#running;
  }
}
