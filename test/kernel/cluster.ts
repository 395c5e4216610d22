import type { Endpoint, EndpointSlice, Service, ServiceSpec } from "../../src/objects/types.ts";
import type { TrafficModel } from "../../src/traffic/index.ts";
import { ADDRESSES, SERVED } from "./network.ts";

/** The Service of the packet tests: both families, port 80 and 53 over either protocol, all leading to SERVED. */
export const WEB = { IPv4: "10.96.0.1", IPv6: "fd00:10:96::1" } as const;

const PORTS = [
  { name: "http", protocol: "TCP" as const, port: 80, targetPort: SERVED },
  { name: "dns", protocol: "UDP" as const, port: 80, targetPort: SERVED },
];

/** The Service `default/web`. */
export function web(spec: Partial<ServiceSpec> = {}): Service {
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "web", namespace: "default", uid: "web" },
    spec: {
      type: "ClusterIP",
      clusterIP: WEB.IPv4,
      clusterIPs: [WEB.IPv4, WEB.IPv6],
      ipFamilies: ["IPv4", "IPv6"],
      ports: PORTS,
      ...spec,
    },
  };
}

/** Ports of {@link web} with node ports. */
export function nodePorts(number: number): NonNullable<ServiceSpec["ports"]> {
  return PORTS.map((port) => ({ ...port, nodePort: number }));
}

/** An endpoint of {@link setWeb}: a pod of the test network, on node-1 and ready unless said otherwise. */
export interface PodEndpoint {
  readonly pod: "a" | "b";
  readonly node?: string;
  readonly conditions?: Endpoint["conditions"];
  readonly hints?: Endpoint["hints"];
}

/** Puts `default/web` with endpoints into a model, or changes it; undefined takes it away. */
export function setWeb(
  model: TrafficModel,
  service: Service | undefined,
  pods: readonly PodEndpoint[] = [],
  served = SERVED,
): void {
  for (const family of ["IPv4", "IPv6"] as const) {
    const object: EndpointSlice = {
      apiVersion: "discovery.k8s.io/v1",
      kind: "EndpointSlice",
      metadata: {
        name: `web-${family}`,
        namespace: "default",
        labels: { "kubernetes.io/service-name": "web" },
      },
      addressType: family,
      endpoints: pods.map(({ pod, node = "node-1", conditions, hints }) => ({
        addresses: [ADDRESSES[pod][family]],
        nodeName: node,
        conditions: conditions ?? { ready: true },
        ...(hints && { hints }),
        targetRef: { kind: "Pod", namespace: "default", name: pod, uid: pod },
      })),
      ports: PORTS.map(({ name, protocol }) => ({ name, protocol, port: served })),
    };
    model.onSlice({ type: service === undefined ? "deleted" : "updated", object });
  }
  if (service === undefined) model.onService({ type: "deleted", object: web() });
  else model.onService({ type: "updated", object: service });
}
