/** Many dual-stack Services, as objects of the API. */
import type { Endpoint, EndpointSlice, Service } from "../../src/objects/types.ts";
import type { TrafficModel } from "../../src/traffic/index.ts";

/** Numbers of pods that each Service has for itself. */
const PODS_EACH = 64;

/** Services with their slices, as the API server hands them out. */
export interface Objects {
  readonly services: readonly Service[];
  readonly slices: readonly EndpointSlice[];
}

/** Dual-stack Services with some endpoints each, spread over 100 nodes. */
export function objectsOf(count: number, endpoints = 2): Objects {
  const services: Service[] = [];
  const slices: EndpointSlice[] = [];
  for (let i = 0; i < count; i++) {
    const metadata = { name: `service-${i}`, namespace: "default", uid: `uid-${i}` };
    const clusterIPs = [`10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`, `fd00:10:96::${hex(i + 1)}`];
    services.push({
      apiVersion: "v1",
      kind: "Service",
      metadata,
      spec: {
        type: "ClusterIP",
        clusterIP: clusterIPs[0] as string,
        clusterIPs,
        ipFamilies: ["IPv4", "IPv6"],
        ports: [{ name: "http", protocol: "TCP", port: 80, targetPort: 8080 }],
      },
    });
    const pods = Array.from({ length: endpoints }, (_, pod) => pod);
    slices.push(sliceOf(i, "IPv4", pods), sliceOf(i, "IPv6", pods));
  }
  return { services, slices };
}

function hex(value: number): string {
  return value > 0xffff
    ? `${(value >> 16).toString(16)}:${(value & 0xffff).toString(16)}`
    : value.toString(16);
}

/** The slice of a Service in a family, with the pods of some numbers. */
export function sliceOf(service: number, family: "IPv4" | "IPv6", pods: readonly number[]): EndpointSlice {
  return {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: {
      name: `service-${service}-${family.toLowerCase()}`,
      namespace: "default",
      labels: { "kubernetes.io/service-name": `service-${service}` },
    },
    addressType: family,
    endpoints: pods.map((pod) => endpointOf(service * PODS_EACH + pod, family)),
    ports: [{ name: "http", protocol: "TCP", port: 8080 }],
  };
}

function endpointOf(pod: number, family: "IPv4" | "IPv6"): Endpoint {
  const v4 = `10.${128 + (pod >> 16)}.${(pod >> 8) & 255}.${pod & 255}`;
  return {
    addresses: [family === "IPv4" ? v4 : `fd00:10:244:${hex((pod >> 16) + 1)}::${hex((pod & 0xffff) + 1)}`],
    conditions: { ready: true, serving: true, terminating: false },
    nodeName: `node-${pod % 100}`,
    targetRef: { kind: "Pod", namespace: "default", name: `pod-${pod}`, uid: `pod-${pod}` },
  };
}

/** Hands everything to a model, as informers do at their start. */
export function fill(model: TrafficModel, { services, slices }: Objects): void {
  for (const object of services) model.onService({ type: "added", object });
  for (const object of slices) model.onSlice({ type: "added", object });
}
