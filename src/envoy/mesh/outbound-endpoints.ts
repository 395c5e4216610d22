/** Backends as sidecars reach them: one endpoint each with its addresses, and whether a sidecar answers there. */
import { FAMILIES } from "../../ip/family.ts";
import type { Destination } from "../../traffic/gateway/model.ts";
import type { Frontend, PortBackend } from "../../traffic/model.ts";
import { lbEndpoints, localities, type Target } from "../desired/endpoints.ts";
import type { JsonObject } from "../proto/index.ts";
import { inEachOrder } from "./client-family.ts";
import { backendsAt } from "./services.ts";
import { type Membership, memberOf } from "./subsets.ts";
import { PEER } from "./tls.ts";

/** Whether sidecars send to backends on their own node alone. Source: Service, `internalTrafficPolicy: Local` (KEP-2086). */
export function isNodeLocal(frontend: Frontend | undefined): boolean {
  return frontend?.kind === "virtual" && frontend.internalPolicy === "Local";
}

/** A frontend with the backends of a destination on a node alone: hints count no more then, as in the Service data plane. */
export function onNode(
  node: string,
  destination: Destination,
  frontend: Frontend | undefined,
): Frontend | undefined {
  return frontend && narrowed(destination, frontend, ({ backend }) => backend.node === node);
}

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
  return narrowed(destination, frontend, (one) => isFor(one) === true);
}

function narrowed(
  destination: Destination,
  frontend: Frontend,
  isMeant: (backend: PortBackend) => boolean,
): Frontend {
  const backends = backendsAt(destination, frontend);
  const meant = backends.filter(isMeant);
  return {
    ...frontend,
    ports: frontend.ports.map((port) => (port.backends === backends ? { ...port, backends: meant } : port)),
  };
}

/** What an assignment is made from. */
export interface Assignment {
  readonly name: string;
  readonly targets: readonly Target[];
  isPeer(pod: string, port: number): boolean;
  /** Whether any backend of the cluster is met with mutual TLS, now or once it is ready. */
  readonly havePeers: boolean;
  /** Whether each backend is there in each order of its addresses, for clients of each family; see client-family.ts. */
  readonly inEachOrder: boolean;
}

/**
 * The backends of a destination as a ClusterLoadAssignment.
 * @param near the zone that the others only stand in for; undefined: all are alike
 * @param parted whether each address of a backend stands by itself
 */
export function meshAssignment({
  near,
  parted,
  ...of
}: Assignment & { readonly near: string | undefined; readonly parted: boolean }): JsonObject {
  const { targets } = of;
  const most = Math.max(1, ...targets.map(({ addresses }) => addresses.length));
  const farther = near !== undefined && targets.some((target) => target.zone === near);
  const hosts = (target: Target): Host[] =>
    of.inEachOrder && !parted
      ? inEachOrder(target).map(({ target: one, families }) => host(one, { families }))
      : lbEndpoints([target], parted, most).map((json) => ({ json, membership: {} }));
  return assignment(of, hosts, (zone) => (farther && zone !== near ? { priority: 1 } : {}));
}

/**
 * Backends that are each a subset of their own, by any of their addresses.
 * @param byFamily whether clients' families are asked for as well
 */
export function directAssignment({
  byFamily,
  ...of
}: Assignment & { readonly byFamily: boolean }): JsonObject {
  return assignment(of, (target) => {
    const { addresses } = target;
    if (!byFamily) return [host(target, { addresses })];
    const each = of.inEachOrder ? inEachOrder(target) : [{ target, families: FAMILIES }];
    return each.map(({ target: one, families }) => host(one, { families, addresses }));
  });
}

interface Host {
  readonly json: JsonObject;
  readonly membership: Membership;
}

function host(target: Target, membership: Membership): Host {
  return { json: lbEndpoints([target], false, 1)[0] ?? {}, membership };
}

/**
 * What is true of all of a locality is said once for it. Envoy 1.40 chooses between mutual TLS and none when it first
 * meets an endpoint, so that in a cluster that has both those without are apart: whoever changes over is new there.
 * @param more further fields of the locality of a zone
 */
function assignment(
  { name, targets, isPeer, havePeers }: Assignment,
  hosts: (target: Target) => readonly Host[],
  more: (zone: string | undefined) => JsonObject = () => ({}),
): JsonObject {
  const isPlain = ({ pod, port }: Target) => pod === undefined || !isPeer(pod, port);
  const apart = (target: Target) => (havePeers && isPlain(target) ? "plain" : undefined);
  const endpoints = localities(targets, apart).map(({ zone, locality, those }) => ({
    ...(locality && { locality }),
    lb_endpoints: those.flatMap(hosts).map(({ json, membership }) => {
      const said = memberOf(membership);
      return Object.keys(said).length === 0 ? json : { ...json, metadata: { filter_metadata: said } };
    }),
    ...more(zone),
    ...(!those.some(isPlain) && { metadata: { filter_metadata: PEER } }),
  }));
  return { cluster_name: name, ...(endpoints.length > 0 && { endpoints }) };
}
