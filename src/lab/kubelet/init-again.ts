import type { Container } from "../../objects/types.ts";
import type { ContainerRunner } from "./container.ts";
import { isSidecar } from "./status.ts";

/**
 * Runs a pod's init containers in a sandbox that was made anew, before anything else runs in it: what they did to the
 * network of the old one went with it. Sidecars start again by themselves.
 * @throws Error when one of them fails for good; the sandbox is not to be used then
 */
export async function runInitAgain(
  containers: readonly Container[],
  make: (spec: Container) => ContainerRunner,
  signal: AbortSignal,
): Promise<void> {
  for (const spec of containers) {
    if (isSidecar(spec)) continue;
    const runner = make(spec);
    const stop = (): void => void runner.terminate(0);
    signal.addEventListener("abort", stop, { once: true });
    const end = signal.aborted ? undefined : await runner.run();
    signal.removeEventListener("abort", stop);
    if (signal.aborted) throw new Error("the pod is ending");
    if (end?.exitCode !== 0) throw new Error(`init container ${spec.name} failed in the pod's new sandbox`);
  }
}
