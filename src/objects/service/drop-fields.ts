import type { Service } from "../types.ts";
import {
  clusterIPsOf,
  hasNodePortType,
  ipFamiliesOf,
  isExternallyAccessible,
  needsClusterIP,
  needsHealthCheckPort,
  portsOf,
  sameList,
} from "./predicates.ts";

/**
 * Drops, in place, what the new type of a Service has no use for, provided that the user left it as it was: a
 * changed value stays, and fails validation. Updates only (dropTypeDependentFields in
 * pkg/registry/core/service/strategy.go).
 */
export function dropTypeDependentFields(service: Service, stored: Service): void {
  const { spec } = service;
  const before = stored.spec;
  if (needsClusterIP(stored) && !needsClusterIP(service)) dropAddresses(service, stored);
  if (hasNodePortType(stored) && !hasNodePortType(service)) dropNodePorts(service, stored);
  if (needsHealthCheckPort(stored) && !needsHealthCheckPort(service)) {
    if ((spec.healthCheckNodePort ?? 0) === (before.healthCheckNodePort ?? 0))
      delete spec.healthCheckNodePort;
  }
  if (before.type === "LoadBalancer" && spec.type !== "LoadBalancer") {
    if (spec.allocateLoadBalancerNodePorts === before.allocateLoadBalancerNodePorts) {
      delete spec.allocateLoadBalancerNodePorts;
    }
    if (spec.loadBalancerClass === before.loadBalancerClass) delete spec.loadBalancerClass;
  }
  if (isExternallyAccessible(stored) && !isExternallyAccessible(service)) {
    if (spec.externalTrafficPolicy === before.externalTrafficPolicy) delete spec.externalTrafficPolicy;
  }
  if (spec.type !== "LoadBalancer") service.status = { ...service.status, loadBalancer: {} };
}

function dropAddresses(service: Service, stored: Service): void {
  const { spec } = service;
  const sameSingular = (spec.clusterIP ?? "") === (stored.spec.clusterIP ?? "");
  if (sameSingular && sameList(clusterIPsOf(service), clusterIPsOf(stored))) {
    delete spec.clusterIP;
    delete spec.clusterIPs;
  }
  if (sameList(ipFamiliesOf(service), ipFamiliesOf(stored))) delete spec.ipFamilies;
  if (spec.ipFamilyPolicy === stored.spec.ipFamilyPolicy) delete spec.ipFamilyPolicy;
}

/** Node ports go unless one of them is new. */
function dropNodePorts(service: Service, stored: Service): void {
  const known = new Set(portsOf(stored).map(({ nodePort = 0 }) => nodePort));
  if (portsOf(service).some(({ nodePort = 0 }) => nodePort !== 0 && !known.has(nodePort))) return;
  for (const port of service.spec.ports ?? []) delete port.nodePort;
}
