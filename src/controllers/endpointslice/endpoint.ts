import { formatAddress, parseAddressAsGo } from "../../ip/address.ts";
import type { Family } from "../../ip/family.ts";
import type { Endpoint, EndpointPort, Node, Pod, Service, ServicePort } from "../../objects/types.ts";
import { canonicalJson } from "../runtime/equal.ts";
import { isPodReady, isPodTerminal } from "../runtime/pods.ts";

const ZONE_LABEL = "topology.kubernetes.io/zone";

/** Whether a pod can be an endpoint at all: not ended, and with an address (ShouldPodBeInEndpoints). */
export function canBeEndpoint(pod: Pod): boolean {
  return !isPodTerminal(pod) && (Boolean(pod.status?.podIP) || (pod.status?.podIPs ?? []).length > 0);
}

/**
 * A pod as the endpoint of a Service in one family; undefined when the pod has no address of the family
 * (k8s.io/endpointslice utils.go, podToEndpoint).
 */
export function endpointOf(
  pod: Pod,
  node: Node | undefined,
  service: Service,
  family: Family,
): Endpoint | undefined {
  const addresses = addressesOf(pod, family);
  if (addresses.length === 0) return undefined;
  const serving = isPodReady(pod);
  const terminating = pod.metadata.deletionTimestamp !== undefined;
  const ready = service.spec.publishNotReadyAddresses === true || (serving && !terminating);
  const { name, namespace, uid } = pod.metadata;
  const zone = node?.metadata.labels?.[ZONE_LABEL];
  return {
    addresses,
    conditions: { ready, serving, terminating },
    ...(hasHostname(pod, service) ? { hostname: pod.spec.hostname } : {}),
    targetRef: { kind: "Pod", namespace, name, uid } as Endpoint["targetRef"],
    ...(pod.spec.nodeName ? { nodeName: pod.spec.nodeName } : {}),
    ...(zone ? { zone } : {}),
  } as Endpoint;
}

function addressesOf(pod: Pod, family: Family): string[] {
  const addresses: string[] = [];
  for (const { ip } of pod.status?.podIPs ?? []) {
    const address = parseAddressAsGo(ip);
    if (address?.family === family) addresses.push(formatAddress(address));
  }
  return addresses;
}

/** Whether the pod's own name counts in the Service's domain (ShouldSetHostname). */
export function hasHostname(pod: Pod, service: Service): boolean {
  return (
    Boolean(pod.spec.hostname) &&
    pod.spec.subdomain === service.metadata.name &&
    pod.metadata.namespace === service.metadata.namespace
  );
}

/**
 * The Service's ports as this pod serves them; a named target port that the pod does not have is left out.
 */
export function endpointPortsOf(service: Service, pod: Pod): EndpointPort[] {
  const ports: EndpointPort[] = [];
  for (const servicePort of service.spec.ports ?? []) {
    const port = targetPortOf(pod, servicePort);
    if (port === undefined) continue;
    const { name = "", protocol, appProtocol } = servicePort;
    ports.push({ name, port, protocol, ...(appProtocol === undefined ? {} : { appProtocol }) });
  }
  return ports;
}

/**
 * The number of the port that a Service's port leads to in a pod: names are looked up in the containers and
 * in the init containers that keep running (FindPort).
 */
function targetPortOf(pod: Pod, servicePort: ServicePort): number | undefined {
  const target = servicePort.targetPort ?? servicePort.port;
  if (typeof target === "number") return target;
  const sidecars = (pod.spec.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === "Always");
  for (const container of [...pod.spec.containers, ...sidecars]) {
    for (const port of container.ports ?? []) {
      if (port.name === target && (port.protocol ?? "TCP") === servicePort.protocol)
        return port.containerPort;
    }
  }
  return undefined;
}

/** What tells one endpoint of a slice from another: addresses, hostname and pod (hashEndpoint). */
export function endpointKey(endpoint: Endpoint): string {
  const { targetRef } = endpoint;
  return JSON.stringify([
    [...endpoint.addresses].sort(),
    endpoint.hostname ?? "",
    targetRef?.namespace ?? "",
    targetRef?.name ?? "",
  ]);
}

/** Whether two endpoints of one key say the same (EndpointsEqualBeyondHash); hints are compared elsewhere. */
export function sameEndpoint(a: Endpoint, b: Endpoint): boolean {
  const essence = ({ nodeName, zone, conditions, targetRef }: Endpoint): string =>
    canonicalJson([nodeName, zone, conditions, { ...targetRef, resourceVersion: undefined }]);
  return essence(a) === essence(b);
}

/** What slices are grouped by: their ports in any order (NewPortMapKey). */
export function portsKey(ports: readonly EndpointPort[] | null | undefined): string {
  const texts = (ports ?? []).map(({ name = "", protocol = "TCP", port, appProtocol }) =>
    JSON.stringify([name, protocol, port, appProtocol]),
  );
  return texts.sort().join("\n");
}
