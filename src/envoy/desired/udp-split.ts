/**
 * UDP to several destinations by weight. Envoy's UDP proxy knows one cluster, so that they become one, with a locality
 * for each destination, and localities are picked by weight; a share with nothing behind it goes to the discard port of
 * the proxy's own loopback, where nobody listens, as its datagrams are to be dropped rather than sent to the others.
 */
import type { Family } from "../../ip/family.ts";
import type { JsonObject } from "../proto/index.ts";
import { lbEndpoints, type Target } from "./endpoints.ts";

/** One destination of a split, with its backends. */
export interface SplitPart {
  readonly weight: number;
  readonly targets: readonly Target[];
}

const LOOPBACK = { IPv4: "127.0.0.1", IPv6: "::1" } as const;
const DISCARD_PORT = 9;

/** The endpoints of a split as Envoy's ClusterLoadAssignment. */
export function splitAssignment(
  name: string,
  parts: readonly SplitPart[],
  families: readonly Family[],
): JsonObject {
  const nowhere: Target = { addresses: [LOOPBACK[families[0] ?? "IPv4"]], port: DISCARD_PORT };
  return {
    cluster_name: name,
    endpoints: parts.map(({ weight, targets }, index) => ({
      locality: { sub_zone: `share-${index}` },
      load_balancing_weight: weight,
      lb_endpoints: lbEndpoints(targets.length > 0 ? targets : [nowhere], false, 1),
    })),
  };
}
