/** Load balancers of Services: watches them, asks a provider, writes back what came of it. */
import { ControllerContext } from "../runtime/context.ts";
import { EventRecorder } from "../runtime/events.ts";
import { Informers } from "../runtime/informers.ts";
import { Writer } from "../runtime/writer.ts";
import { BalancerController } from "./controller.ts";
import type { BalancerControllerOptions } from "./options.ts";
import { sweepOrphans } from "./orphans.ts";

export { BALANCER_FINALIZER, type BalancerCluster, type BalancerControllerOptions } from "./options.ts";
export { isOlderThan, liveServices, type SweepResult, sweepOrphans } from "./orphans.ts";

/**
 * Serves Services until the signal aborts; resolves once all of them are known and the work has begun. Where the API
 * server is not there (yet), it waits for it.
 */
export async function startBalancerController(
  options: BalancerControllerOptions,
  signal: AbortSignal,
): Promise<{ readonly stopped: Promise<void> }> {
  const { client, log } = options;
  const informers = new Informers(client, (kind, error) => {
    if (!signal.aborted) log?.(`watching ${kind.plural}: ${(error as Error).message}`);
  });
  const context = new ControllerContext({
    client,
    informers,
    writer: new Writer(client, informers),
    events: new EventRecorder(client),
    options: log === undefined ? {} : { log },
    signal,
  });
  const controller = new BalancerController(context, options);
  sweepRegularly(controller, context, options);
  await informers.start(signal);
  context.start();
  const aborted = new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
  return {
    stopped: aborted.then(async () => {
      await context.stop();
      await informers.stopped();
    }),
  };
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
      { olderThanMs, now: now() },
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
