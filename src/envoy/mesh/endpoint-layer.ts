/** The layer of endpoints. */
import type { Destination } from "../../traffic/gateway/model.ts";
import type { Frontend } from "../../traffic/model.ts";
import { namedHosts } from "../desired/cluster.ts";
import { allTargets, targetsOf } from "../desired/endpoints.ts";
import { partsByAddress } from "../desired/health.ts";
import { originRef } from "../desired/names.ts";
import { type OfOrder, takesOrders } from "./client-family.ts";
import { type Layer, made } from "./layer.ts";
import type { Dirty, Outbound } from "./outbound.ts";
import { directAssignment, isNodeLocal, meantFor, meshAssignment, onNode } from "./outbound-endpoints.ts";
import { backendsAt, podOf } from "./services.ts";

/** What endpoints depend on; `zone` is undefined for pods of no known zone. */
export interface OfZone extends OfOrder {
  readonly zone: string | undefined;
  /** For those Services alone whose callers stay on their node, which is this one; absent: for all others. */
  readonly node?: string;
}

/** Brings endpoints up to date. */
export function putEndpoints(
  layer: Layer,
  { families, zone, node, preferClient = false }: OfZone,
  outbound: Outbound,
  dirty: Dirty,
): void {
  for (const name of dirty.endpoints) {
    const direct = outbound.directs.has(name);
    const destination = outbound.destinations.get(outbound.directs.get(name)?.destination ?? name);
    const frontend = destination && outbound.frontendOf(destination);
    const isOfOthers = isNodeLocal(frontend) !== (node !== undefined);
    if (destination === undefined || namedHosts(destination) || isOfOthers) {
      layer.delete("endpoint", name);
      continue;
    }
    const capabilities = { families, ...(zone !== undefined && { zone }) };
    const peers = peersOf(destination, frontend, outbound);
    const common = {
      name,
      isPeer: (pod: string, port: number) => outbound.isPeer(pod, port),
      havePeers: peers.includes(true),
      inEachOrder: preferClient && takesOrders(destination),
    };
    const make = () => {
      if (direct) {
        const targets = allTargets(destination, frontend, capabilities);
        return directAssignment({ ...common, targets, byFamily: preferClient });
      }
      const meant =
        node === undefined ? meantFor(zone, destination, frontend) : onNode(node, destination, frontend);
      const targets = targetsOf(destination, meant, capabilities);
      const near = destination.policy?.preferZone ? zone : undefined;
      return meshAssignment({ ...common, targets, near, parted: partsByAddress(destination.policy) });
    };
    layer.put("endpoint", {
      name,
      from: [destination, frontend, peers.join()],
      make: () => made("endpoint", make(), { origins: destination.origins.map(originRef) }),
    });
  }
}

/** Of each backend in turn, whether connections to it are mutual TLS. */
function peersOf(destination: Destination, frontend: Frontend | undefined, outbound: Outbound): boolean[] {
  return backendsAt(destination, frontend).map((backend) => {
    const pod = podOf(backend);
    return pod !== undefined && outbound.isPeer(pod, backend.port);
  });
}
