/** Backends as sidecars reach them: one endpoint each with its addresses, and whether a sidecar answers there. */
import type { Destination } from "../../traffic/gateway/model.ts";
import { lbEndpoints, localities, type Target } from "../desired/endpoints.ts";
import { partsByAddress } from "../desired/health.ts";
import { isJsonObject, type JsonObject } from "../proto/index.ts";
import { inEachOrder } from "./client-family.ts";
import { PEER_METADATA } from "./tls.ts";

/**
 * The backends of a destination as a ClusterLoadAssignment. What is true of all of a locality is said once for it.
 * @param near the zone that the others only stand in for; undefined: all are alike
 * @param byClient whether each is there in both orders of its addresses, see client-family.ts
 */
export function meshAssignment(
  name: string,
  { policy }: Destination,
  targets: readonly Target[],
  isPeer: (pod: string) => boolean,
  near: string | undefined,
  byClient = false,
): JsonObject {
  const most = Math.max(1, ...targets.map((target) => target.addresses.length));
  const parted = partsByAddress(policy);
  const peer = ({ pod }: Target) => pod !== undefined && isPeer(pod);
  const farther = near !== undefined && targets.some((target) => target.zone === near);
  const endpoints = localities(targets).map(({ zone, locality, those }) => {
    const allPeers = those.every(peer);
    const hosts = (target: Target): JsonObject[] => {
      if (byClient && !parted) return ordered(target, peer(target));
      const made = lbEndpoints([target], parted, most);
      return allPeers || !peer(target) ? made : made.map((host) => ({ ...host, metadata: PEER_METADATA }));
    };
    return {
      ...(locality && { locality }),
      lb_endpoints: those.flatMap(hosts),
      ...(farther && zone !== near && { priority: 1 }),
      ...(allPeers && { metadata: PEER_METADATA }),
    };
  });
  return { cluster_name: name, ...(endpoints.length > 0 && { endpoints }) };
}

function ordered(target: Target, isPeer: boolean): JsonObject[] {
  const { filter_metadata: peer } = PEER_METADATA;
  return inEachOrder(target).flatMap(({ target: one, metadata }) =>
    lbEndpoints([one], false, 1).map((host) => ({
      ...host,
      metadata: { filter_metadata: { ...(isPeer && isJsonObject(peer) && peer), ...metadata } },
    })),
  );
}
