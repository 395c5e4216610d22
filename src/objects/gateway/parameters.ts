/** What a GatewayClass or a Gateway may name in `parametersRef`. */
import type { Family } from "../../ip/family.ts";
import type { IPFamilyPolicy, KubeObject } from "../types.ts";

/** The API group of Tandem's own kinds. */
export const TANDEM_GROUP = "tandem.dev";

/** How a Gateway's infrastructure is to be made (`tandem.dev/v1alpha1`). */
export interface GatewayParameters extends KubeObject {
  spec?: {
    /** As of a Service; without it every family of the cluster. */
    ipFamilyPolicy?: IPFamilyPolicy;
    /** The preferred family first. */
    ipFamilies?: Family[];
    replicas?: number;
    service?: {
      type?: "ClusterIP" | "NodePort" | "LoadBalancer";
      annotations?: Record<string, string>;
      labels?: Record<string, string>;
      loadBalancerClass?: string;
      externalTrafficPolicy?: "Cluster" | "Local";
    };
    pod?: {
      labels?: Record<string, string>;
      annotations?: Record<string, string>;
      nodeSelector?: Record<string, string>;
      resources?: {
        requests?: Record<string, number | string>;
        limits?: Record<string, number | string>;
      };
    };
    envoy?: { image?: string; concurrency?: number; logLevel?: string };
  };
}

/** Envoy Gateway's parameters (`gateway.envoyproxy.io/v1alpha1`): only its choice of families is understood. */
export interface EnvoyProxy extends KubeObject {
  spec?: { ipFamily?: "IPv4" | "IPv6" | "DualStack" };
}
