import { addressWarnings, cidrWarnings } from "../ip-text.ts";
import type { Service } from "../types.ts";
import { familyReadinessWarnings } from "./family-readiness.ts";
import { clusterIPsOf, externalIPsOf, HEADLESS } from "./predicates.ts";

const TOPOLOGY_HINTS = "service.kubernetes.io/topology-aware-hints";

/**
 * What is taken, but better changed: texts for Warning headers on create and update
 * (GetWarningsForService in pkg/api/service/warnings.go), and Tandem's own annotation.
 */
export function serviceWarnings(service: Service): string[] {
  const { spec, metadata } = service;
  const warnings: string[] = [];
  if (metadata.annotations?.[TOPOLOGY_HINTS] !== undefined) {
    const use = "service.kubernetes.io/topology-mode";
    warnings.push(`annotation ${TOPOLOGY_HINTS} is deprecated, please use ${use} instead`);
  }
  const { clusterIP = "" } = spec;
  if (clusterIP !== "" && clusterIP !== HEADLESS) {
    clusterIPsOf(service).forEach((ip, index) => {
      warnings.push(...addressWarnings(`spec.clusterIPs[${index}]`, ip));
    });
  }
  if (spec.type === "ClusterIP" && clusterIP === HEADLESS) warnings.push(...ignoredByHeadless(service));
  externalIPsOf(service).forEach((ip, index) => {
    warnings.push(...addressWarnings(`spec.externalIPs[${index}]`, ip));
  });
  if (spec.loadBalancerIP) warnings.push(...addressWarnings("spec.loadBalancerIP", spec.loadBalancerIP));
  (spec.loadBalancerSourceRanges ?? []).forEach((range, index) => {
    warnings.push(...cidrWarnings(`spec.loadBalancerSourceRanges[${index}]`, range));
  });
  return [...warnings, ...ignoredByType(service), ...familyReadinessWarnings(service)];
}

/** The same for an update of the status: addresses of the load balancer in an odd spelling (WarningsOnUpdate). */
export function serviceStatusWarnings({ status }: Service): string[] {
  const ingresses = status?.loadBalancer?.ingress ?? [];
  // The real server names the entry, not its field `ip`.
  return ingresses.flatMap(({ ip = "" }, index) =>
    ip === "" ? [] : addressWarnings(`status.loadBalancer.ingress[${index}]`, ip),
  );
}

function ignoredByHeadless(service: Service): string[] {
  const { loadBalancerIP, sessionAffinity } = service.spec;
  const warnings: string[] = [];
  if (loadBalancerIP) warnings.push("spec.loadBalancerIP is ignored for headless services");
  if (externalIPsOf(service).length > 0) warnings.push("spec.externalIPs is ignored for headless services");
  if (sessionAffinity !== "None") warnings.push("spec.SessionAffinity is ignored for headless services");
  return warnings;
}

function ignoredByType(service: Service): string[] {
  const { type, externalName, trafficDistribution } = service.spec;
  const warnings: string[] = [];
  if (type === "ExternalName" && externalIPsOf(service).length > 0) {
    warnings.push('spec.externalIPs is ignored when spec.type is "ExternalName"');
  }
  if (type !== "ExternalName" && externalName) {
    warnings.push('spec.externalName is ignored when spec.type is not "ExternalName"');
  }
  if (trafficDistribution === "PreferClose") {
    warnings.push('spec.trafficDistribution: "PreferClose" is deprecated; use "PreferSameZone"');
  }
  return warnings;
}
