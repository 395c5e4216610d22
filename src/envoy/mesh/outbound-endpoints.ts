/** Backends as sidecars reach them: one endpoint each with its addresses, and whether a sidecar answers there. */
import type { Destination } from "../../traffic/gateway/model.ts";
import type { Frontend, PortBackend } from "../../traffic/model.ts";
import { lbEndpoints, localities, type Target } from "../desired/endpoints.ts";
import { partsByAddress } from "../desired/health.ts";
import { isJsonObject, type JsonObject } from "../proto/index.ts";
import { inEachOrder } from "./client-family.ts";
import { backendsAt } from "./services.ts";
import { PEER_METADATA } from "./tls.ts";

/**
 * A frontend with those backends alone that its slices mean for callers of a zone, as the Service data plane has it:
 * hints count only where every ready backend has them and one is for this zone. Source: EndpointSlice, `hints.forZones`.
 */
export function meantFor(
  zone: string | undefined,
  destination: Destination,
  frontend: Frontend | undefined,
): Frontend | undefined {
  if (zone === undefined || frontend === undefined) return frontend;
  const backends = backendsAt(destination, frontend);
  const ready = backends.filter(({ backend }) =>
    Object.values(backend.conditions).some((conditions) => conditions.ready),
  );
  const isFor = ({ backend }: PortBackend) => backend.forZones?.includes(zone);
  const verdicts = ready.map(isFor);
  if (verdicts.includes(undefined) || !verdicts.includes(true)) return frontend;
  const meant = backends.filter(isFor);
  return {
    ...frontend,
    ports: frontend.ports.map((port) => (port.backends === backends ? { ...port, backends: meant } : port)),
  };
}

/**
 * The backends of a destination as a ClusterLoadAssignment. What is true of all of a locality is said once for it.
 * @param near the zone that the others only stand in for; undefined: all are alike
 * @param byClient whether each is there in both orders of its addresses, see client-family.ts
 */
export function meshAssignment(
  name: string,
  { policy }: Destination,
  targets: readonly Target[],
  isPeer: (pod: string, port: number) => boolean,
  near: string | undefined,
  byClient = false,
): JsonObject {
  const most = Math.max(1, ...targets.map((target) => target.addresses.length));
  const parted = partsByAddress(policy);
  const peer = ({ pod, port }: Target) => pod !== undefined && isPeer(pod, port);
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
