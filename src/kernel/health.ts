import type { Frontend } from "../traffic/model.ts";
import type { NodeFacts } from "./facts.ts";

/** What a health-check node port has to answer about one Service. */
export interface HealthCheck {
  readonly namespace: string;
  readonly name: string;
  /** The port on every node. */
  readonly port: number;
  /** Ready backends on this node; a pod of two families counts once. */
  readonly localEndpoints: number;
}

/** The health check of a frontend on this node; undefined when it has none (externalTrafficPolicy Local only). */
export function healthCheckOf(frontend: Frontend, facts: NodeFacts): HealthCheck | undefined {
  const { namespace, name, healthCheckPort: port } = frontend;
  if (port === undefined || frontend.externalPolicy !== "Local") return undefined;
  const local = new Set<string>();
  for (const { backends } of frontend.ports) {
    for (const { backend } of backends) {
      const ready = backend.conditions.IPv4?.ready || backend.conditions.IPv6?.ready;
      if (backend.node === facts.nodeName && ready) local.add(backend.id);
    }
  }
  return { namespace, name, port, localEndpoints: local.size };
}
