import { invalid } from "../objects/field-errors.ts";
import { hasNodePortType, needsHealthCheckPort, portsOf } from "../objects/service/index.ts";
import { ApiError, internalError } from "../objects/status.ts";
import type { Service } from "../objects/types.ts";
import { rejectIf } from "./families.ts";
import type { PortRange } from "./ledger.ts";
import type { Plan } from "./plan.ts";

/** The default of --service-node-port-range. */
export const DEFAULT_NODE_PORTS: PortRange = { first: 30_000, last: 32_767 };

const TAKEN = "provided port is already allocated";
const FULL = "range is full";
/** The port below the first one that a dry run shows. */
const DRY_RUN_BASE = 32_768;

/**
 * Gives a new Service its node ports and its health-check port (txnAllocNodePorts in alloc.go). Ports of one
 * number share a node port across protocols (53/TCP and 53/UDP).
 * @throws ApiError 422 for a number that is taken or out of range; 500 when none is left, and for all that
 *   concerns the health-check port
 */
export function allocatePorts(plan: Plan, service: Service): void {
  if (hasNodePortType(service)) allocateNodePorts(plan, service);
  if (needsHealthCheckPort(service)) allocateHealthCheckPort(plan, service);
}

function allocateNodePorts(plan: Plan, service: Service): void {
  const byPort = new Map<number, number>();
  const ports = service.spec.ports ?? [];
  for (const [index, port] of ports.entries()) {
    const own = port.nodePort ?? 0;
    if (own === 0 && !allocatesNodePorts(service)) continue;
    const shared = byPort.get(port.port);
    if (shared !== undefined) {
      if (own === 0) port.nodePort = shared;
      else if (own !== shared) take(plan, service, index, own);
      continue;
    }
    const wanted = ports.find((other) => other.port === port.port && (other.nodePort ?? 0) !== 0)?.nodePort;
    if (wanted !== undefined) take(plan, service, index, wanted);
    const nodePort = wanted ?? takeNext(plan, "failed to allocate a nodePort");
    port.nodePort = nodePort;
    byPort.set(port.port, nodePort);
  }
}

/** Whether ports without a number get one. */
function allocatesNodePorts({ spec }: Service): boolean {
  if (spec.type === "NodePort") return true;
  return spec.type === "LoadBalancer" && spec.allocateLoadBalancerNodePorts === true;
}

/** Takes and gives back ports as an update demands (txnUpdateNodePorts in alloc.go). */
export function updatePorts(plan: Plan, service: Service, stored: Service): void {
  const before = heldPortsOf(stored);
  if (hasNodePortType(service)) updateNodePorts(plan, service, before);
  else for (const port of before) plan.freePort(port);
  const needed = needsHealthCheckPort(stored);
  const needs = needsHealthCheckPort(service);
  if (!needed && needs) allocateHealthCheckPort(plan, service);
  if (needed && !needs && stored.spec.healthCheckNodePort) plan.freePort(stored.spec.healthCheckNodePort);
}

function updateNodePorts(plan: Plan, service: Service, before: readonly number[]): void {
  const seen = new Set<string>();
  for (const [index, port] of (service.spec.ports ?? []).entries()) {
    const own = port.nodePort ?? 0;
    if (own === 0 && !allocatesNodePorts(service)) continue;
    if (own === 0) port.nodePort = takeNext(plan, "failed to allocate a nodePort");
    else if (!before.includes(own) && !plan.takenPorts.has(own)) take(plan, service, index, own);
    const key = `{${port.protocol} ${port.nodePort}}`;
    // A bare error of the real server, hence a 500 without a reason.
    if (seen.has(key)) throw new ApiError({ message: `duplicate nodePort: ${key}`, code: 500 });
    seen.add(key);
  }
  const after = heldPortsOf(service);
  for (const port of before) if (!after.includes(port)) plan.freePort(port);
}

/** Gives back all ports of a Service that is gone. */
export function releasePorts(plan: Plan, service: Service): void {
  for (const port of heldPortsOf(service)) plan.freePort(port);
  if (needsHealthCheckPort(service) && service.spec.healthCheckNodePort) {
    plan.freePort(service.spec.healthCheckNodePort);
  }
}

/**
 * The node ports that a Service holds. One of type ExternalName may show some, but holds none; the real
 * server takes them for held, and so gives away or hands out twice what is another's.
 */
function heldPortsOf(service: Service): number[] {
  if (!hasNodePortType(service)) return [];
  return portsOf(service).flatMap(({ nodePort = 0 }) => (nodePort === 0 ? [] : nodePort));
}

function allocateHealthCheckPort(plan: Plan, service: Service): void {
  const wanted = service.spec.healthCheckNodePort ?? 0;
  if (wanted === 0) {
    service.spec.healthCheckNodePort = takeNext(plan, "failed to allocate a HealthCheck NodePort 0");
    return;
  }
  const problem = tryTake(plan, wanted);
  if (problem !== undefined) {
    throw internalError(`failed to allocate requested HealthCheck NodePort ${wanted}: ${problem}`);
  }
}

function take(plan: Plan, service: Service, index: number, port: number): void {
  const problem = tryTake(plan, port);
  if (problem !== undefined) rejectIf(service, [invalid(`spec.ports[${index}].nodePort`, port, problem)]);
}

/** Takes a port, or says why it cannot be had. A dry run does not ask whether it is in the range. */
function tryTake(plan: Plan, port: number): string | undefined {
  const { first, last } = plan.network.nodePorts;
  if (!plan.dryRun && (port < first || port > last)) {
    return `provided port is not in the valid range. The range of valid ports is ${first}-${last}`;
  }
  if (plan.isPortTaken(port)) return TAKEN;
  plan.takePort(port);
  return undefined;
}

function takeNext(plan: Plan, failure: string): number {
  const port = plan.dryRun ? exampleOf(plan) : findFreePort(plan);
  if (port === undefined) throw internalError(`${failure}: ${FULL}`);
  plan.takePort(port);
  return port;
}

/** A dry run counts on from its highest port instead of looking for a free one. */
function exampleOf(plan: Plan): number {
  return (plan.takenPorts.size === 0 ? DRY_RUN_BASE : Math.max(...plan.takenPorts)) + 1;
}

/** From a random place on through the dynamic band, then likewise through the static band (KEP-3668). */
function findFreePort(plan: Plan): number | undefined {
  const { first, last } = plan.network.nodePorts;
  const size = last - first + 1;
  const band = staticBandOf(size);
  return scan(plan, first + band, size - band) ?? scan(plan, first, band);
}

function scan(plan: Plan, from: number, count: number): number | undefined {
  const start = Math.floor(plan.random() * count);
  for (let step = 0; step < count; step++) {
    const port = from + ((start + step) % count);
    if (!plan.isPortTaken(port)) return port;
  }
  return undefined;
}

/** How many ports at the start are left to users' own choices for as long as there are others. */
export function staticBandOf(size: number): number {
  return size <= 16 ? 0 : Math.min(Math.max(16, Math.floor(size / 32)), 128);
}
