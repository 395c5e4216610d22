/** Load balancers of Services: watches them, asks a provider, writes back what came of it. */
import type { ControllerContext } from "../runtime/context.ts";
import { type RunningControllers, runControllers } from "../runtime/run.ts";
import { BalancerController } from "./controller.ts";
import type { BalancerControllerOptions } from "./options.ts";
import { sweepOrphans } from "./orphans.ts";

export {
  BALANCER_FINALIZER,
  type BalancerCluster,
  type BalancerControllerOptions,
  LOCAL_WORKERS,
} from "./options.ts";
export { isOlderThan, liveServices, type SweepResult, sweepOrphans } from "./orphans.ts";

/**
 * Serves Services until the signal aborts; resolves once all of them are known and the work has begun. Where the API
 * server is not there (yet), it waits for it.
 */
export async function startBalancerController(
  options: BalancerControllerOptions,
  signal: AbortSignal,
): Promise<RunningControllers> {
  const { client, log } = options;
  const register = (context: ControllerContext): void =>
    sweepRegularly(new BalancerController(context, options), context, options);
  return runControllers(client, log === undefined ? {} : { log }, register, signal);
}

function sweepRegularly(
  controller: BalancerController,
  context: ControllerContext,
  { provider, sweep, log, now = () => new Date() }: BalancerControllerOptions,
): void {
  if (sweep === undefined) return;
  const { everyMs, olderThanMs } = sweep;
  let underWay: Promise<void> = Promise.resolve();
  const look = async (): Promise<void> => {
    const found = await sweepOrphans(
      provider,
      () => controller.live(),
      { olderThanMs, now: now(), spares: (service) => controller.keeps(service) },
      context.signal,
    );
    for (const { orphan, error } of found.deleted)
      log?.(`orphan ${orphan.kind} ${orphan.id} (${orphan.why}): ${error ?? "deleted"}`);
  };
  const quietly = (error: unknown): void => log?.(`looking for orphans: ${(error as Error).message}`);
  context.every(everyMs, () => {
    underWay = underWay.then(look).catch(quietly);
  });
  context.onStop(() => underWay);
}
