/** The layer of what gRPC clients without a proxy ask for. */
import type { Family } from "../../ip/family.ts";
import { namedHosts } from "../desired/cluster.ts";
import { targetsOf } from "../desired/endpoints.ts";
import { originRef } from "../desired/names.ts";
import { apiListener, grpcAssignment, grpcCluster, grpcRoutes, grpcTarget } from "./grpc.ts";
import { type Layer, made } from "./layer.ts";
import type { Dirty, Outbound } from "./outbound.ts";

/** Brings what gRPC clients without a proxy ask for up to date. */
export function putGrpc(
  layer: Layer,
  { families }: { readonly families: readonly Family[] },
  outbound: Outbound,
  dirty: Dirty,
): void {
  for (const name of new Set([...dirty.clusters, ...dirty.endpoints])) {
    const destination = outbound.destinations.get(name);
    const at = outbound.portOf(name);
    if (destination === undefined || at === undefined || namedHosts(destination)) {
      for (const kind of ["cluster", "endpoint", "route"] as const) layer.delete(kind, name);
      continue;
    }
    const frontend = outbound.frontendOf(destination);
    const origins = destination.origins.map(originRef);
    const target = grpcTarget(at.service, at.port);
    layer.put("cluster", { name, from: [], make: () => made("cluster", grpcCluster(name), { origins }) });
    layer.put("endpoint", {
      name,
      from: [destination, frontend],
      make: () =>
        made("endpoint", grpcAssignment(name, targetsOf(destination, frontend, { families })), { origins }),
    });
    layer.put("route", {
      name,
      from: [],
      make: () => made("route", grpcRoutes(name), { needsClusters: [name], origins }),
    });
    layer.put("listener", {
      name: target,
      from: [name],
      make: () => made("listener", apiListener(target, name), { needsRoutes: [name], origins }),
    });
  }
  for (const target of dirty.targets) if (!outbound.hasTarget(target)) layer.delete("listener", target);
}
