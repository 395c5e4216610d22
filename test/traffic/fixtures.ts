import type { Endpoint, EndpointSlice, Service, ServiceSpec } from "../../src/objects/types.ts";

/** A Service `default/web` of both families; tests change what they are about. */
export function service(spec: Partial<ServiceSpec> = {}, name = "web"): Service {
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name, namespace: "default", uid: `uid-${name}` },
    spec: {
      type: "ClusterIP",
      clusterIP: "10.96.0.1",
      clusterIPs: ["10.96.0.1", "fd00:10:96::1"],
      ipFamilies: ["IPv4", "IPv6"],
      ports: [{ name: "http", protocol: "TCP", port: 80, targetPort: 8080 }],
      ...spec,
    },
  };
}

/** A slice of `default/web` (or another Service) with a port `http` on 8080. */
export function slice(
  family: "IPv4" | "IPv6",
  endpoints: Endpoint[],
  over: Partial<EndpointSlice> & { name?: string; service?: string } = {},
): EndpointSlice {
  const { name = `web-${family.toLowerCase()}`, service = "web", ...rest } = over;
  return {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: { name, namespace: "default", labels: { "kubernetes.io/service-name": service } },
    addressType: family,
    endpoints,
    ports: [{ name: "http", protocol: "TCP", port: 8080 }],
    ...rest,
  };
}

/** An endpoint that is the pod `default/<pod>`. */
export function podEndpoint(address: string, pod: string, over: Partial<Endpoint> = {}): Endpoint {
  return {
    addresses: [address],
    conditions: { ready: true, serving: true, terminating: false },
    nodeName: "node-1",
    targetRef: { kind: "Pod", namespace: "default", name: pod, uid: `uid-${pod}` },
    ...over,
  };
}
