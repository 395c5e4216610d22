import { familyOfText, formatAddress, parseAddressAsGo } from "../../ip/address.ts";
import type { EndpointPort, Endpoints, Pod, Service } from "../../objects/types.ts";
import { canBeEndpoint, endpointPortsOf, hasHostname } from "../endpointslice/endpoint.ts";
import { HEADLESS_LABEL, hasClusterIP } from "../endpointslice/labels.ts";
import { TRIGGER_TIME_ANNOTATION } from "../endpointslice/reconcile.ts";
import { canonicalJson, sameValue } from "../runtime/equal.ts";
import { isPodReady } from "../runtime/pods.ts";

type Subset = NonNullable<Endpoints["subsets"]>[number];
type Address = NonNullable<Subset["addresses"]>[number];

/** Addresses that one Endpoints object may hold. */
const MAX_ADDRESSES = 1000;
const OVER_CAPACITY = "endpoints.kubernetes.io/over-capacity";
/** Since Kubernetes 1.33, the mark of Endpoints that the controller writes. */
const MANAGED_BY_LABEL = "endpoints.kubernetes.io/managed-by";
const CONTROLLER_NAME = "endpoint-controller";

/**
 * The legacy Endpoints of a Service, or undefined when they are right already
 * (pkg/controller/endpoint/endpoints_controller.go): the pods' addresses of the Service's first family only,
 * at most 1000, terminating pods only where addresses that are not ready are published.
 */
export function reconcileEndpoints(
  service: Service,
  pods: readonly Pod[],
  current: Endpoints | undefined,
  triggerTime?: string,
): Endpoints | undefined {
  const all = subsetsOf(service, pods);
  const { subsets, truncated } = truncate(all);
  const labels = {
    ...service.metadata.labels,
    ...(hasClusterIP(service) ? {} : { [HEADLESS_LABEL]: "" }),
    [MANAGED_BY_LABEL]: CONTROLLER_NAME,
  };
  const same =
    current !== undefined &&
    sameValue(withoutVersions(current.subsets), withoutVersions(subsets)) &&
    sameValue(current.metadata.labels, labels) &&
    (current.metadata.annotations?.[OVER_CAPACITY] !== undefined) === truncated;
  if (same) return undefined;
  const { name, namespace } = service.metadata;
  const metadata = current?.metadata ?? { name, ...(namespace === undefined ? {} : { namespace }) };
  const annotations = annotationsOf(metadata.annotations, truncated, triggerTime);
  return { apiVersion: "v1", kind: "Endpoints", metadata: { ...metadata, labels, annotations }, subsets };
}

function annotationsOf(
  present: Record<string, string> = {},
  truncated: boolean,
  triggerTime: string | undefined,
): Record<string, string> {
  const { [OVER_CAPACITY]: _, [TRIGGER_TIME_ANNOTATION]: __, ...others } = present;
  return {
    ...others,
    ...(truncated ? { [OVER_CAPACITY]: "truncated" } : {}),
    ...(triggerTime === undefined ? {} : { [TRIGGER_TIME_ANNOTATION]: triggerTime }),
  };
}

function withoutVersions(subsets: Endpoints["subsets"]): unknown {
  const strip = (addresses: Address[] | undefined): unknown =>
    addresses?.map((address) => ({
      ...address,
      targetRef: { ...address.targetRef, resourceVersion: undefined },
    }));
  return subsets?.map((subset) => ({
    ...subset,
    addresses: strip(subset.addresses),
    notReadyAddresses: strip(subset.notReadyAddresses),
  }));
}

/**
 * Addresses with the same ports share a subset; ports with the same addresses do so too (RepackSubsets):
 * addresses and ports are sorted, so that equal states are equal texts.
 */
function subsetsOf(service: Service, pods: readonly Pod[]): Subset[] {
  const byPort = new Map<
    string,
    { port?: EndpointPort; ready: Map<string, Address>; unready: Map<string, Address> }
  >();
  const publishAll = service.spec.publishNotReadyAddresses === true;
  for (const pod of pods) {
    if (!canBeEndpoint(pod) || (!publishAll && pod.metadata.deletionTimestamp !== undefined)) continue;
    const address = addressOf(service, pod);
    if (address === undefined) continue;
    // Unlike in slices, a port without a name has no field for it here.
    const ports = endpointPortsOf(service, pod).map(({ name, ...port }) =>
      name ? { name, ...port } : port,
    ) as (EndpointPort | undefined)[];
    if ((service.spec.ports ?? []).length === 0 && service.spec.clusterIP === "None") ports.push(undefined);
    for (const port of ports) {
      const key = canonicalJson(port ?? null);
      const group = byPort.get(key) ?? { ...(port ? { port } : {}), ready: new Map(), unready: new Map() };
      byPort.set(key, group);
      (publishAll || isPodReady(pod) ? group.ready : group.unready).set(addressKey(address), address);
    }
  }
  return mergePorts([...byPort.values()]);
}

function mergePorts(
  groups: readonly { port?: EndpointPort; ready: Map<string, Address>; unready: Map<string, Address> }[],
): Subset[] {
  const byAddresses = Map.groupBy(groups, ({ ready, unready }) =>
    JSON.stringify([[...ready.keys()].sort(), [...unready.keys()].sort()]),
  );
  const subsets = [...byAddresses.values()].map((same): Subset => {
    const ports = same.flatMap(({ port }) => (port === undefined ? [] : [port]));
    const [first] = same;
    const ready = sortedValues(first?.ready);
    const unready = sortedValues(first?.unready);
    return {
      ...(ready.length > 0 ? { addresses: ready } : {}),
      ...(unready.length > 0 ? { notReadyAddresses: unready } : {}),
      ...(ports.length > 0 ? { ports: ports.sort(byText) } : {}),
    };
  });
  return subsets.sort(byText);
}

function sortedValues(addresses: Map<string, Address> = new Map()): Address[] {
  return [...addresses.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, address]) => address);
}

function byText(a: unknown, b: unknown): number {
  return canonicalJson(a) < canonicalJson(b) ? -1 : 1;
}

function addressKey(address: Address): string {
  return `${address.ip} ${address.targetRef?.uid ?? ""}`;
}

function addressOf(service: Service, pod: Pod): Address | undefined {
  const family = service.spec.ipFamilies?.[0] ?? familyOfText(service.spec.clusterIP ?? "");
  const found = (pod.status?.podIPs ?? [{ ip: pod.status?.podIP ?? "" }])
    .map(({ ip }) => parseAddressAsGo(ip))
    .find((address) => address !== undefined && (family === undefined || address.family === family));
  if (found === undefined) return undefined;
  const { name, namespace, uid } = pod.metadata;
  return {
    ip: formatAddress(found),
    ...(hasHostname(pod, service) ? { hostname: pod.spec.hostname } : {}),
    ...(pod.spec.nodeName ? { nodeName: pod.spec.nodeName } : {}),
    targetRef: { kind: "Pod", namespace, name, uid },
  } as Address;
}

/** Ready addresses go first; each subset keeps its share of what there is room for. */
function truncate(subsets: Subset[]): { subsets: Subset[]; truncated: boolean } {
  const ready = subsets.reduce((sum, { addresses }) => sum + (addresses?.length ?? 0), 0);
  const unready = subsets.reduce((sum, { notReadyAddresses }) => sum + (notReadyAddresses?.length ?? 0), 0);
  if (ready + unready <= MAX_ADDRESSES) return { subsets, truncated: false };
  const [field, total, room] =
    ready > MAX_ADDRESSES
      ? (["addresses", ready, MAX_ADDRESSES] as const)
      : (["notReadyAddresses", unready, MAX_ADDRESSES - ready] as const);
  let left = room;
  const cut = subsets.map((subset): Subset => {
    const list = subset[field] ?? [];
    const share = Math.min(left, list.length, Math.ceil((list.length / total) * room));
    left -= share;
    const { notReadyAddresses: _, ...readyOnly } = subset;
    const kept = { [field]: list.slice(0, share) };
    return field === "addresses" ? { ...readyOnly, ...kept } : { ...subset, ...kept };
  });
  return { subsets: cut, truncated: true };
}
