import type { Service } from "../objects/types.ts";
import {
  clusterIPsOf,
  needsClusterIP,
  needsHealthCheckPort,
  portsOf,
  sameList,
} from "../objects/service/index.ts";

/** On creation, a lone `clusterIP` fills `clusterIPs`; the other way round is left to validation. */
export function normaliseNew(service: Service): void {
  const { clusterIP } = service.spec;
  if (clusterIP && clusterIPsOf(service).length === 0) service.spec.clusterIPs = [clusterIP];
}

/**
 * On updates, guesses what was meant where only one of `clusterIP` and `clusterIPs` was changed, as clients
 * do that know only the singular (normalizeClusterIPs in pkg/registry/core/service/storage/storage.go).
 */
export function normaliseUpdate(service: Service, stored: Service): void {
  const { spec } = service;
  const before = stored.spec.clusterIP ?? "";
  const after = spec.clusterIP ?? "";
  const ips = clusterIPsOf(stored);
  if (before === after) {
    if (ips.length > 0 && clusterIPsOf(service).length === 0) spec.clusterIPs = [...ips];
    return;
  }
  if (!sameList(ips, clusterIPsOf(service))) return;
  if (after === "") delete spec.clusterIPs;
  else spec.clusterIPs = [after];
}

/**
 * Takes over what was allocated and is not named in the new object, so that the manifest of a creation can be
 * sent again (patchAllocatedValues in storage.go).
 */
export function carryOver(service: Service, stored: Service): void {
  const { spec } = service;
  if (needsClusterIP(stored) && needsClusterIP(service)) {
    if (!spec.clusterIP && stored.spec.clusterIP) spec.clusterIP = stored.spec.clusterIP;
    const ips = clusterIPsOf(stored);
    if (clusterIPsOf(service).length === 0 && ips.length > 0) spec.clusterIPs = [...ips];
  }
  if (wantsNodePorts(stored) && wantsNodePorts(service)) carryNodePorts(service, stored);
  if (needsHealthCheckPort(stored) && needsHealthCheckPort(service) && !spec.healthCheckNodePort) {
    if (stored.spec.healthCheckNodePort) spec.healthCheckNodePort = stored.spec.healthCheckNodePort;
  }
}

function wantsNodePorts({ spec }: Service): boolean {
  if (spec.type === "NodePort") return true;
  return spec.type === "LoadBalancer" && spec.allocateLoadBalancerNodePorts !== false;
}

/** Ports without a number take that of the old port of their name, unless the new object has it elsewhere. */
function carryNodePorts(service: Service, stored: Service): void {
  const taken = new Set(portsOf(service).map(({ nodePort = 0 }) => nodePort));
  const byName = new Map(portsOf(stored).map(({ name = "", nodePort = 0 }) => [name, nodePort]));
  for (const port of service.spec.ports ?? []) {
    if ((port.nodePort ?? 0) !== 0) continue;
    const old = byName.get(port.name ?? "") ?? 0;
    if (old !== 0 && !taken.has(old)) port.nodePort = old;
  }
}
