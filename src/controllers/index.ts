import type { KubeClient } from "../client/index.ts";
import { runDaemonSets } from "./daemonset/controller.ts";
import { runDeployments } from "./deployment/controller.ts";
import { runDisruptionBudgets } from "./disruption/controller.ts";
import { runEndpoints } from "./endpoints/controller.ts";
import { runEndpointSlices } from "./endpointslice/controller.ts";
import { runEndpointSliceMirroring } from "./endpointslicemirroring/controller.ts";
import { runGarbageCollector } from "./garbage/collector.ts";
import { runPodCollector } from "./garbage/pods.ts";
import { runJobs } from "./job/controller.ts";
import { runNamespaceDefaults } from "./namespaces/defaults.ts";
import { runNamespaceDeletion } from "./namespaces/deletion.ts";
import { runNodeLifecycle } from "./nodes/lifecycle.ts";
import { runNodeRanges } from "./nodes/ranges.ts";
import { runReplicaSets } from "./replicaset/controller.ts";
import type { ControllerContext, ControllerOptions } from "./runtime/context.ts";
import { type RunningControllers, runControllers } from "./runtime/run.ts";
import { runScheduler } from "./scheduler/controller.ts";
import { runAddressRepair, runServiceCidrs } from "./services/ranges.ts";
import { runStatefulSets } from "./statefulset/controller.ts";

export type { ControllerOptions } from "./runtime/context.ts";
export type { RunningControllers } from "./runtime/run.ts";

/** All controllers; each takes its caches and queues from the context that it is given. */
const CONTROLLERS: readonly ((context: ControllerContext) => void)[] = [
  runNodeRanges,
  runScheduler,
  runEndpointSlices,
  runEndpointSliceMirroring,
  runEndpoints,
  runReplicaSets,
  runDeployments,
  runDaemonSets,
  runStatefulSets,
  runJobs,
  runDisruptionBudgets,
  runNamespaceDefaults,
  runNamespaceDeletion,
  runNodeLifecycle,
  runGarbageCollector,
  runPodCollector,
  runServiceCidrs,
  runAddressRepair,
];

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
  const register = (context: ControllerContext): void => {
    for (const run of CONTROLLERS) run(context);
  };
  return runControllers(client, options, register, signal);
}
