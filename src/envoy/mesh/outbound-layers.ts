/**
 * The layers that outbound resources are in, by what they depend on: few for any number of sidecars.
 *
 *     families, client's family, telemetry            clusters, listeners of single Services
 *     families, client's family, zone                 endpoints
 *     families, client's family, telemetry, unknown   listeners that Services share, virtualOutbound
 *     namespace, unknown                              route tables, whose bytes most namespaces share
 */
import type { Family } from "../../ip/family.ts";
import type { Destination } from "../../traffic/gateway/model.ts";
import type { Telemetry } from "../../traffic/mesh/model.ts";
import type { Frontend, PortBackend } from "../../traffic/model.ts";
import { namedHosts } from "../desired/cluster.ts";
import { allTargets, targetsOf } from "../desired/endpoints.ts";
import { partsByAddress } from "../desired/health.ts";
import { originRef, trustSecret } from "../desired/names.ts";
import type { Wanted } from "../desired/resource-set.ts";
import type { EncodedTable } from "../desired/routes.ts";
import { trustOf } from "../desired/secrets.ts";
import { apiListener, grpcAssignment, grpcCluster, grpcRoutes, grpcTarget } from "./grpc.ts";
import { type Layer, made } from "./layer.ts";
import { wildcardName } from "./names.ts";
import type { Dirty, Outbound } from "./outbound.ts";
import { directCluster, fixedClusters, outboundCluster } from "./outbound-cluster.ts";
import { directAssignment, meantFor, meshAssignment } from "./outbound-endpoints.ts";
import {
  type OutboundStyle,
  streamListener,
  type UnknownOutbound,
  virtualOutbound,
} from "./outbound-listener.ts";
import { sharedListener } from "./shared-listener.ts";
import { backendsAt, identitiesOf, type ListenerPlan, podOf } from "./services.ts";
import { collectorClusters, tracingClusters } from "./telemetry.ts";
import { TLS_SECRETS } from "./tls.ts";

/** What resources depend on. */
export interface OfFamilies {
  readonly families: readonly Family[];
}

/** What resources depend on in which one family may come before the other. */
export interface OfOrder extends OfFamilies {
  /** Backends are reached over the family of the client's connection first. */
  readonly preferClient?: boolean;
}

/** What endpoints depend on; `zone` is undefined for pods of no known zone. */
export interface OfZone extends OfOrder {
  readonly zone: string | undefined;
}

/** What clusters, and listeners of single Services, depend on. */
export interface OfServices extends OfOrder {
  readonly telemetry?: Telemetry | undefined;
}

/** What the listeners that Services share depend on. */
export interface OfEdge extends OfServices {
  readonly unknown: UnknownOutbound;
}

/** What route tables depend on: the caller's namespace, and what becomes of hosts that nobody knows. */
export interface OfTables {
  readonly namespace: string;
  readonly unknown: UnknownOutbound;
}

type MarkStyle = Pick<OutboundStyle, "mark">;

/** Where Debian, and so Envoy's images, keep what the system trusts. */
const SYSTEM_TRUST = "/etc/ssl/certs/ca-certificates.crt";

/** Brings clusters and listeners of single Services up to date. */
export function putServices(
  layer: Layer,
  { families, telemetry, preferClient = false }: OfServices,
  outbound: Outbound,
  dirty: Dirty,
  { mark }: MarkStyle,
): void {
  const style = { mark, telemetry, preferClient };
  for (const name of dirty.clusters) {
    const wanted = cluster(name, families, outbound, style);
    if (wanted === undefined) layer.delete("cluster", name);
    else layer.put("cluster", wanted);
  }
  for (const key of dirty.listeners) {
    const plan = outbound.listenerAt(key);
    const addresses = plan === undefined ? [] : addressesOf(plan, families);
    // A listener is called by its first address; at its others there is nothing of its own.
    if (plan === undefined || `${addresses[0]}_${plan.port}` !== key) layer.delete("listener", key);
    else layer.put("listener", streamPort(key, addresses, plan, outbound, style));
  }
  if (dirty.trust) layer.replace("secret", trust(outbound));
}

function addressesOf({ addresses, families: order }: ListenerPlan, families: readonly Family[]): string[] {
  return order.flatMap((family) => (families.includes(family) && addresses[family]) || []);
}

function cluster(
  name: string,
  families: readonly Family[],
  outbound: Outbound,
  { mark, preferClient = false }: OutboundStyle,
): Wanted | undefined {
  const direct = outbound.directs.get(name);
  const key = direct?.destination ?? name;
  const destination = outbound.destinations.get(key);
  if (destination === undefined) return undefined;
  const frontend = outbound.frontendOf(destination);
  const identities = identitiesOf(destination, frontend, (pod, port) =>
    outbound.isPeer(pod, port) ? outbound.peerOf(pod) : undefined,
  );
  const allCaptured = isCaptured(destination, frontend, outbound);
  const auto = outbound.isAuto(key);
  const byClient = preferClient && (direct !== undefined || takesOrders(destination));
  const from = { destination, auto, identities, allCaptured, families, mark, byClient };
  return {
    name,
    from: [destination, auto, identities.join(), allCaptured, namedHosts(destination) && families.join()],
    make: () =>
      made("cluster", direct ? directCluster(name, from) : outboundCluster(name, from), {
        needsRoutes: [
          ...(identities.length > 0 ? TLS_SECRETS : []),
          ...(destination.tls ? [trustSecret(destination.tls.trust)] : []),
        ],
        origins: destination.origins.map(originRef),
      }),
  };
}

/** Whether connections to each backend are taken by a sidecar. */
function isCaptured(destination: Destination, frontend: Frontend | undefined, outbound: Outbound): boolean {
  const backends = backendsAt(destination, frontend);
  const isOne = (backend: PortBackend) => {
    const pod = podOf(backend);
    return pod !== undefined && outbound.isCaptured(pod, backend.port);
  };
  return backends.length > 0 && backends.every(isOne);
}

/** Of each backend in turn, whether connections to it are mutual TLS. */
function peersOf(destination: Destination, frontend: Frontend | undefined, outbound: Outbound): boolean[] {
  return backendsAt(destination, frontend).map((backend) => {
    const pod = podOf(backend);
    return pod !== undefined && outbound.isPeer(pod, backend.port);
  });
}

/**
 * Where neither the Service itself says which family is first, nor a name has to be resolved; nor has Envoy subsets where
 * it hashes (Cluster, `load_balancing_policy`).
 */
function takesOrders(destination: Destination): boolean {
  const hashes = destination.policy?.loadBalancing?.kind === "hash";
  return destination.preferFamily === undefined && !namedHosts(destination) && !hashes;
}

function streamPort(
  name: string,
  addresses: readonly string[],
  plan: ListenerPlan,
  { destinations, directs }: Outbound,
  style: OutboundStyle,
): Wanted {
  const { cluster: to, port, auto } = plan;
  const direct = directs.has(to);
  const known = direct || destinations.has(to);
  return {
    name,
    from: [addresses.join(), to, port, auto, plan.service, known],
    make: () =>
      made("listener", streamListener({ name, addresses, port, cluster: to, direct, auto }, style), {
        needsClusters: [...(known ? [to] : []), ...(auto ? collectorClusters(style.telemetry) : [])],
        origins: [`Service/${plan.service}`],
      }),
  };
}

function* trust({ model }: Outbound): Iterable<Wanted> {
  for (const bundle of model?.trust.values() ?? []) {
    yield {
      name: trustSecret(bundle.name),
      from: [bundle],
      make: () => made("secret", trustOf(bundle, SYSTEM_TRUST), { origins: bundle.origins.map(originRef) }),
    };
  }
}

/** Brings endpoints up to date. */
export function putEndpoints(
  layer: Layer,
  { families, zone, preferClient = false }: OfZone,
  outbound: Outbound,
  dirty: Dirty,
): void {
  for (const name of dirty.endpoints) {
    const direct = outbound.directs.has(name);
    const destination = outbound.destinations.get(outbound.directs.get(name)?.destination ?? name);
    if (destination === undefined || namedHosts(destination)) {
      layer.delete("endpoint", name);
      continue;
    }
    const frontend = outbound.frontendOf(destination);
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
      const targets = targetsOf(destination, meantFor(zone, destination, frontend), capabilities);
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

/** Brings what every sidecar has, and the listeners of port numbers that Services share, up to date. */
export function putEdge(layer: Layer, of: OfEdge, outbound: Outbound, dirty: Dirty): void {
  const { families, unknown, telemetry } = of;
  for (const json of [...fixedClusters(), ...tracingClusters(telemetry, families)]) {
    layer.put("cluster", { name: String(json["name"]), from: [], make: () => made("cluster", json) });
  }
  layer.put("listener", {
    name: "virtualOutbound",
    from: [],
    make: () => made("listener", virtualOutbound(families, unknown, of)),
  });
  for (const port of dirty.ports) {
    const name = wildcardName(families, port);
    if (!outbound.ports.has(port)) layer.delete("listener", name);
    else layer.put("listener", sharedPort(name, port, of, outbound));
  }
}

function sharedPort(name: string, port: number, of: OfEdge, outbound: Outbound): Wanted {
  const ports = outbound.sniffed.get(port);
  return {
    name,
    from: [ports, ports?.revision],
    make: () => {
      const sniffed = ports?.parts(of) ?? [];
      return {
        bytes: sharedListener({ port, families: of.families, unknown: of.unknown, sniffed }, of),
        needsRoutes: [String(port)],
        needsClusters: [
          ...sniffed.flatMap(({ cluster: name }) => (outbound.destinations.has(name) ? [name] : [])),
          ...collectorClusters(of.telemetry),
        ],
        get origins() {
          return sniffed.map(({ service }) => `Service/${service}`);
        },
      };
    },
  };
}

/** Brings route tables up to date. */
export function putTables(
  layer: Layer,
  { namespace, unknown }: OfTables,
  outbound: Outbound,
  dirty: Dirty,
): void {
  for (const number of dirty.ports) {
    const port = outbound.ports.get(number);
    if (port === undefined) layer.delete("route", String(number));
    else {
      layer.put("route", {
        name: String(number),
        from: [port, port.revision],
        make: () => knownOnly(port.encode(namespace, unknown), outbound),
      });
    }
  }
}

function knownOnly(table: EncodedTable, { destinations, directs }: Outbound) {
  const needsClusters = table.clusters.filter((name) => destinations.has(name) || directs.has(name));
  return {
    bytes: table.bytes,
    version: table.version,
    needsClusters,
    get origins() {
      return table.origins;
    },
  };
}

/** Brings what gRPC clients without a proxy ask for up to date. */
export function putGrpc(layer: Layer, { families }: OfFamilies, outbound: Outbound, dirty: Dirty): void {
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
