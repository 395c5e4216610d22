import type { ContainerRunner } from "./container.ts";
import { isSidecar } from "./status.ts";

/**
 * Runs init containers one after the other; a sidecar is left running once it has started.
 * @returns whether the pod's own containers may follow
 */
export async function runInitSequence(
  init: readonly ContainerRunner[],
  signal: AbortSignal,
): Promise<boolean> {
  for (const container of init) {
    if (signal.aborted) return false;
    if (isSidecar(container.spec)) {
      void container.run();
      await Promise.race([container.whenStarted, aborted(signal)]);
      continue;
    }
    const end = await container.run();
    if (end?.exitCode !== 0) return false;
  }
  return !signal.aborted;
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
