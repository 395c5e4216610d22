/** Joins rooms that do not know each other: caches of the API's objects, and the traffic model that outputs read. */
import { Informer, type KubeClient } from "../client/index.ts";
import { KINDS } from "../objects/kinds.ts";
import type { EndpointSlice, Namespace, Service } from "../objects/types.ts";
import { createTrafficModel, feedModel, type TrafficModel } from "../traffic/index.ts";

export interface ModelOptions {
  /** Told of what keeps the caches from being current; they keep trying. */
  readonly onError?: (error: unknown) => void;
}

/**
 * The traffic model of a cluster: filled when this resolves, and kept current until the signal aborts. Rejects with the
 * signal's reason when it aborts before.
 */
export async function connectTrafficModel(
  client: KubeClient,
  signal: AbortSignal,
  options: ModelOptions = {},
): Promise<TrafficModel> {
  const services = new Informer<Service>(client, KINDS.Service, options);
  const slices = new Informer<EndpointSlice>(client, KINDS.EndpointSlice, options);
  const namespaces = new Informer<Namespace>(client, KINDS.Namespace, options);
  await Promise.all([services, slices, namespaces].map((informer) => informer.start(signal)));
  const model = createTrafficModel();
  const stop = feedModel(model, { services, slices, namespaces });
  signal.addEventListener("abort", stop, { once: true });
  return model;
}

/** A signal that aborts on the first SIGINT or SIGTERM; the second ends the process as if nothing had been caught. */
export function untilStopped(): AbortSignal {
  const controller = new AbortController();
  for (const name of ["SIGINT", "SIGTERM"] as const) process.once(name, () => controller.abort());
  return controller.signal;
}

/** Prints each distinct failure once, so that a server that is down does not fill the terminal. */
export function reportOnce(prefix: string): (error: unknown) => void {
  let last: string | undefined;
  return (error) => {
    const text = error instanceof Error ? error.message : String(error);
    if (text === last) return;
    last = text;
    console.error(`${prefix}: ${text}`);
  };
}
