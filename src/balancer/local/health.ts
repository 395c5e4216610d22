/** How the local balancer's Envoy asks targets whether they serve. */
import type { BalancerModel, BalancerPort } from "../../traffic/balancer/model.ts";
import type { ActiveHealthCheck } from "../../traffic/gateway/policy-model.ts";

const UNHEALTHY_INTERVAL_MS = 1_000;

/**
 * The check of one port's targets; undefined: none, as of UDP ports that name no other port to ask at.
 *
 * At the port of the traffic a check comes as traffic does: with a PROXY header (version 2: LOCAL, version 1: the
 * connection's own addresses), so that a target that expects one does not refuse it. At another port, as the node's
 * healthCheckNodePort that kube-proxy answers, it comes without, as nobody there knows the PROXY protocol.
 */
export function activeCheck(
  model: BalancerModel,
  { healthCheck, nodePort, tlsToTargets, proxyProtocol }: BalancerPort,
  transport: "TCP" | "UDP",
): ActiveHealthCheck | undefined {
  const { protocol } = healthCheck;
  const own = model.targetType === "instance" ? nodePort : undefined;
  const elsewhere = healthCheck.port !== "traffic-port" && healthCheck.port !== own;
  if (transport === "UDP" && !elsewhere) return undefined;
  const asTraffic = !elsewhere && (protocol === "HTTPS") === tlsToTargets;
  const plain = elsewhere || tlsToTargets || proxyProtocol !== undefined;
  const socket = asTraffic ? undefined : protocol === "HTTPS" ? "tls" : plain ? "plain" : undefined;
  return {
    kind: protocol === "TCP" ? "tcp" : "http",
    interval: healthCheck.intervalSeconds * 1000,
    timeout: healthCheck.timeoutSeconds * 1000,
    healthyThreshold: healthCheck.healthyThreshold,
    unhealthyThreshold: healthCheck.unhealthyThreshold,
    // a node port is in force a moment after the Service: it is not to wait for the next turn, and more of them
    unhealthyInterval: Math.min(UNHEALTHY_INTERVAL_MS, healthCheck.intervalSeconds * 1000),
    whileIdle: true,
    ...(protocol !== "TCP" && {
      path: healthCheck.path ?? "/",
      expectedStatuses: statusesOf(healthCheck.successCodes ?? "200-399"),
    }),
    ...(elsewhere && { port: healthCheck.port as number }),
    ...(socket && { socket }),
  };
}

/** `200-399`, `200,302`; what is neither is left out. */
function statusesOf(text: string): number[] {
  return text.split(",").flatMap((part) => {
    const [from = Number.NaN, to = from] = part.split("-").map((piece) => Number(piece.trim()));
    const valid = Number.isInteger(from) && Number.isInteger(to) && from >= 100 && to <= 599 && from <= to;
    return valid ? Array.from({ length: to - from + 1 }, (_, index) => from + index) : [];
  });
}
