import type { Family } from "../../ip/family.ts";
import type { Service, ServicePort } from "../types.ts";

/** The value of `clusterIP` and `clusterIPs[0]` of a Service that wants no address. */
export const HEADLESS = "None";

const NO_TEXTS: readonly string[] = [];
const NO_FAMILIES: readonly Family[] = [];
const NO_PORTS: readonly ServicePort[] = [];

/** `spec.clusterIPs`, empty when absent. */
export function clusterIPsOf(service: Service): readonly string[] {
  return service.spec.clusterIPs ?? NO_TEXTS;
}

/** `spec.ipFamilies`, empty when absent. */
export function ipFamiliesOf(service: Service): readonly Family[] {
  return service.spec.ipFamilies ?? NO_FAMILIES;
}

/** `spec.ports`, empty when absent. */
export function portsOf(service: Service): readonly ServicePort[] {
  return service.spec.ports ?? NO_PORTS;
}

/** `spec.externalIPs`, empty when absent. */
export function externalIPsOf(service: Service): readonly string[] {
  return service.spec.externalIPs ?? NO_TEXTS;
}

/** Whether its one cluster IP is None (core validation.isHeadlessService). */
export function isHeadless(service: Service): boolean {
  const ips = clusterIPsOf(service);
  return ips.length === 1 && ips[0] === HEADLESS;
}

/** Whether its selector picks no pods, so that its endpoints come from elsewhere. */
export function isSelectorless(service: Service): boolean {
  const { selector } = service.spec;
  if (selector === undefined || selector === null) return true;
  for (const _ in selector) return false;
  return true;
}

/** Whether the type has a `clusterIP` at all, be it None. */
export function needsClusterIP(service: Service): boolean {
  return service.spec.type !== "ExternalName";
}

/** Whether the type can have node ports. */
export function hasNodePortType(service: Service): boolean {
  return service.spec.type === "NodePort" || service.spec.type === "LoadBalancer";
}

/** Whether traffic from outside of the cluster reaches it (apiservice.ExternallyAccessible). */
export function isExternallyAccessible(service: Service): boolean {
  return hasNodePortType(service) || (service.spec.type === "ClusterIP" && externalIPsOf(service).length > 0);
}

/**
 * Whether it has a port at which load balancers ask each node for local endpoints
 * (apiservice.NeedsHealthCheck).
 */
export function needsHealthCheckPort(service: Service): boolean {
  return service.spec.type === "LoadBalancer" && service.spec.externalTrafficPolicy === "Local";
}

/** Whether two lists have equal items in equal order. */
export function sameList<T>(a: readonly T[], b: readonly T[]): boolean {
  return a.length === b.length && a.every((item, index) => item === b[index]);
}
