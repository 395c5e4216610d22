/**
 * What a cloud does for Services of type LoadBalancer: an address of each family of the Service, and the way to it from
 * outside of the cluster, which is the lab's own network namespace.
 */
import { Informer, type KubeClient } from "../../client/index.ts";
import { KINDS } from "../../objects/kinds.ts";
import type { Node, Service } from "../../objects/types.ts";
import type { ClusterPlan } from "../plan.ts";
import type { BalancerAddresses } from "./addresses.ts";
import { AddressKeeper } from "./address-keeper.ts";
import { RouteKeeper } from "./route-keeper.ts";

export { type BalancerAddresses, REQUESTED_ADDRESSES } from "./addresses.ts";

/**
 * Keeps addresses and routes in step with the cluster's Services until the signal aborts; resolves once all Services
 * that were there have been looked at. Runs in the lab's own network namespace. Failures go to the log and are tried
 * again.
 */
export async function runCloud(
  client: KubeClient,
  plan: ClusterPlan,
  addresses: BalancerAddresses,
  signal: AbortSignal,
  log: (line: string) => void = () => {},
): Promise<void> {
  const services = new Informer<Service>(client, KINDS.Service);
  const nodes = new Informer<Node>(client, KINDS.Node);
  await Promise.all([services.start(signal), nodes.start(signal)]);
  const keepers = { client, plan, addresses, services, nodes, signal, log };
  await Promise.all([new AddressKeeper(keepers).start(), new RouteKeeper(keepers).start()]);
}
