import type { KubeClient } from "../client/index.ts";
import { runDaemonSets } from "./daemonset/controller.ts";
import { runDeployments } from "./deployment/controller.ts";
import { runEndpoints } from "./endpoints/controller.ts";
import { runEndpointSlices } from "./endpointslice/controller.ts";
import { runGarbageCollector } from "./garbage/collector.ts";
import { runPodCollector } from "./garbage/pods.ts";
import { runNamespaceDefaults } from "./namespaces/defaults.ts";
import { runNamespaceDeletion } from "./namespaces/deletion.ts";
import { runNodeLifecycle } from "./nodes/lifecycle.ts";
import { runNodeRanges } from "./nodes/ranges.ts";
import { runReplicaSets } from "./replicaset/controller.ts";
import { ControllerContext, type ControllerOptions } from "./runtime/context.ts";
import { EventRecorder } from "./runtime/events.ts";
import { Informers } from "./runtime/informers.ts";
import { Writer } from "./runtime/writer.ts";
import { runScheduler } from "./scheduler/controller.ts";
import { runAddressRepair, runServiceCidrs } from "./services/ranges.ts";

export type { ControllerOptions } from "./runtime/context.ts";

/** All controllers; each takes its caches and queues from the context that it is given. */
const CONTROLLERS: readonly ((context: ControllerContext) => void)[] = [
  runNodeRanges,
  runScheduler,
  runEndpointSlices,
  runEndpoints,
  runReplicaSets,
  runDeployments,
  runDaemonSets,
  runNamespaceDefaults,
  runNamespaceDeletion,
  runNodeLifecycle,
  runGarbageCollector,
  runPodCollector,
  runServiceCidrs,
  runAddressRepair,
];

/** Controllers at work. */
export interface RunningControllers {
  /**
   * Resolves when everything has ended after the signal's abort. The client stays open: it is the caller's.
   */
  readonly stopped: Promise<void>;
}

/**
 * Runs all controllers until the signal aborts; resolves once their caches are filled and they work. Where
 * the API server is not there (yet), they wait for it.
 * @throws UserError for options that are wrong; the signal's reason when it aborts before they run
 */
export async function startControllers(
  client: KubeClient,
  options: ControllerOptions,
  signal: AbortSignal,
): Promise<RunningControllers> {
  const informers = new Informers(client, (kind, error) => {
    if (!signal.aborted) options.log?.(`watching ${kind.plural}: ${(error as Error).message}`);
  });
  const writer = new Writer(client, informers);
  const events = new EventRecorder(client);
  const context = new ControllerContext({ client, informers, writer, events, options, signal });
  for (const run of CONTROLLERS) run(context);
  await informers.start(signal);
  context.start();
  const aborted = new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
  const stopped = aborted.then(async () => {
    await context.stop();
    await informers.stopped();
  });
  return { stopped };
}
