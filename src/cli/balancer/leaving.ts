import { BALANCER_FINALIZER } from "../../controllers/balancer/index.ts";
import type { Service } from "../../objects/types.ts";
import type { BalancerFinding, Ownership } from "../../traffic/balancer/model.ts";

/** Whether something was made for a Service that is in the cluster. */
export function hasBalancer(live: Service | undefined): boolean {
  return live?.metadata.finalizers?.includes(BALANCER_FINALIZER) ?? false;
}

/**
 * What a plan says of a Service, as its manifest would make it of the one there is, that has a load balancer and is no
 * longer ours: that it goes, or why it stays. Undefined for all others.
 */
export function leavingOf(service: Service, ownership: Ownership): BalancerFinding | undefined {
  if (ownership.owned || ownership.anothers || !hasBalancer(service)) return undefined;
  const ingress = service.status?.loadBalancer?.ingress ?? [];
  const places = ingress.map(({ ip, hostname }) => ip ?? hostname).join(", ");
  const what = places === "" ? "what was made for it" : `its load balancer at ${places}`;
  return ownership.stays
    ? {
        level: "warning",
        field: "metadata",
        message: `${what} stays as it is until this is mended`,
        next: undefined,
      }
    : {
        level: "warning",
        field: "spec.type",
        message: `${what} is deleted once this is applied`,
        next: "move clients away before, or leave the Service as it was",
      };
}
