/** Services, their endpoints and addresses as they are on the wire, as far as their fields are named here. */
import type { Family } from "../ip/family.ts";
import type { Condition, KubeObject, ObjectReference } from "./types.ts";

/** The protocol of a port (core/v1 Protocol). */
export type Protocol = "TCP" | "UDP" | "SCTP";
/** How many families a Service asks for (KEP-563). */
export type IPFamilyPolicy = "SingleStack" | "PreferDualStack" | "RequireDualStack";

/** A port of a Service (core/v1). */
export interface ServicePort {
  name?: string;
  protocol: Protocol;
  appProtocol?: string;
  port: number;
  targetPort?: number | string;
  nodePort?: number;
}

/** What a Service asks for (core/v1). */
export interface ServiceSpec {
  type?: "ClusterIP" | "NodePort" | "LoadBalancer" | "ExternalName";
  selector?: Record<string, string>;
  ports?: ServicePort[];
  clusterIP?: string;
  clusterIPs?: string[];
  ipFamilies?: Family[];
  ipFamilyPolicy?: IPFamilyPolicy;
  externalName?: string;
  externalIPs?: string[];
  sessionAffinity?: "None" | "ClientIP";
  sessionAffinityConfig?: { clientIP?: { timeoutSeconds?: number } };
  externalTrafficPolicy?: "Cluster" | "Local";
  internalTrafficPolicy?: "Cluster" | "Local";
  healthCheckNodePort?: number;
  publishNotReadyAddresses?: boolean;
  allocateLoadBalancerNodePorts?: boolean;
  loadBalancerClass?: string;
  loadBalancerIP?: string;
  loadBalancerSourceRanges?: string[];
  trafficDistribution?: string;
}

/** An address of a Service's load balancer, or its host name (core/v1). */
export interface LoadBalancerIngress {
  ip?: string;
  hostname?: string;
  ipMode?: "VIP" | "Proxy";
  ports?: { port: number; protocol: Protocol; error?: string }[];
}

/** A Service (core/v1). */
export interface Service extends KubeObject {
  spec: ServiceSpec;
  status?: { loadBalancer?: { ingress?: LoadBalancerIngress[] }; conditions?: Condition[] };
}

/** Whether an endpoint takes traffic (discovery.k8s.io/v1); what is unset counts as the API says. */
export interface EndpointConditions {
  ready?: boolean;
  serving?: boolean;
  terminating?: boolean;
}

/** One endpoint of a slice: a backend with its addresses (discovery.k8s.io/v1). */
export interface Endpoint {
  addresses: string[];
  conditions?: EndpointConditions;
  hostname?: string;
  nodeName?: string;
  zone?: string;
  targetRef?: ObjectReference;
  hints?: { forZones?: { name: string }[]; forNodes?: { name: string }[] };
  deprecatedTopology?: Record<string, string>;
}

/** A port of a slice (discovery.k8s.io/v1). */
export interface EndpointPort {
  name?: string;
  protocol?: Protocol;
  port?: number;
  appProtocol?: string;
}

/** Endpoints of a Service in one family (discovery.k8s.io/v1). */
export interface EndpointSlice extends KubeObject {
  addressType: Family | "FQDN";
  endpoints: Endpoint[] | null;
  ports: EndpointPort[] | null;
}

/** Endpoints of a Service in the older form (core/v1). */
export interface Endpoints extends KubeObject {
  subsets?: {
    addresses?: { ip: string; hostname?: string; nodeName?: string; targetRef?: ObjectReference }[];
    notReadyAddresses?: { ip: string; hostname?: string; nodeName?: string; targetRef?: ObjectReference }[];
    ports?: EndpointPort[];
  }[];
}

/** A range of Services (networking.k8s.io/v1, KEP-1880). */
export interface ServiceCIDR extends KubeObject {
  spec: { cidrs: string[] };
  status?: { conditions?: Condition[] };
}

/** An address of a Service that is taken (networking.k8s.io/v1, KEP-1880). */
export interface IPAddress extends KubeObject {
  spec: { parentRef: { group: string; resource: string; namespace: string; name: string } };
}
