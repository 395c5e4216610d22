import type { Service, ServicePort } from "../types.ts";
import { isExternallyAccessible } from "./predicates.ts";

const AFFINITY_SECONDS = 10_800;

/**
 * Fills in the static defaults of a Service, in place; doing it twice changes nothing more. Families and
 * their policy are not among them, for they depend on the cluster (SetDefaults_Service in
 * pkg/apis/core/v1/defaults.go).
 */
export function defaultService(service: Service): void {
  service.spec ??= {};
  const { spec } = service;
  spec.sessionAffinity ||= "None";
  defaultAffinityConfig(service);
  spec.type ||= "ClusterIP";
  for (const port of spec.ports ?? []) defaultPort(port);
  if (isExternallyAccessible(service)) spec.externalTrafficPolicy ||= "Cluster";
  if (spec.type === "ClusterIP" || spec.type === "NodePort" || spec.type === "LoadBalancer") {
    spec.internalTrafficPolicy ??= "Cluster";
  }
  if (spec.type === "LoadBalancer") {
    spec.allocateLoadBalancerNodePorts ??= true;
    defaultIngress(service);
  }
}

function defaultAffinityConfig({ spec }: Service): void {
  if (spec.sessionAffinity === "None") delete spec.sessionAffinityConfig;
  if (spec.sessionAffinity !== "ClientIP") return;
  if ((spec.sessionAffinityConfig?.clientIP?.timeoutSeconds ?? undefined) === undefined) {
    spec.sessionAffinityConfig = { clientIP: { timeoutSeconds: AFFINITY_SECONDS } };
  }
}

function defaultPort(port: ServicePort): void {
  port.protocol ||= "TCP";
  if (port.targetPort === undefined || port.targetPort === 0 || port.targetPort === "") {
    port.targetPort = port.port ?? 0;
  }
}

function defaultIngress(service: Service): void {
  for (const ingress of service.status?.loadBalancer?.ingress ?? []) {
    if (ingress.ip !== undefined && ingress.ip !== "") ingress.ipMode ??= "VIP";
  }
}
