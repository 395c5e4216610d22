/** The layer of clusters and of listeners of single Services, and of what their servers are trusted by. */
import type { Family } from "../../ip/family.ts";
import type { Destination } from "../../traffic/gateway/model.ts";
import type { Telemetry } from "../../traffic/mesh/model.ts";
import type { Frontend, PortBackend } from "../../traffic/model.ts";
import { namedHosts } from "../desired/cluster.ts";
import { originRef, trustSecret } from "../desired/names.ts";
import type { Wanted } from "../desired/resource-set.ts";
import { trustOf } from "../desired/secrets.ts";
import { type OfOrder, takesOrders } from "./client-family.ts";
import { type Layer, made } from "./layer.ts";
import type { Dirty, Outbound } from "./outbound.ts";
import { directCluster, outboundCluster } from "./outbound-cluster.ts";
import { type OutboundStyle, streamListener } from "./outbound-listener.ts";
import { backendsAt, identitiesOf, type ListenerPlan, podOf } from "./services.ts";
import { collectorClusters } from "./telemetry.ts";
import { TLS_SECRETS } from "./tls.ts";

/** What clusters, and listeners of single Services, depend on. */
export interface OfServices extends OfOrder {
  readonly telemetry?: Telemetry | undefined;
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
