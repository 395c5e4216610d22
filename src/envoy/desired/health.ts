/** Health checks of backends, by asking (active) and by what their answers were (passive). */
import type { Destination } from "../../traffic/gateway/model.ts";
import type {
  ActiveHealthCheck,
  DestinationPolicy,
  PassiveHealthCheck,
} from "../../traffic/gateway/policy-model.ts";
import type { JsonObject } from "../proto/index.ts";
import { duration } from "./names.ts";

/**
 * Whether each address of a backend is an endpoint of its own. Envoy asks, and ejects, endpoints as a whole, and asks
 * only their first address (envoyproxy/envoy#30743); so with health checks a backend is parted into its addresses, which
 * share its weight, and one family that fails is left out while the other serves.
 */
export function partsByAddress(policy: DestinationPolicy | undefined): boolean {
  return policy?.activeHealthCheck !== undefined || policy?.passiveHealthCheck !== undefined;
}

/** Active checks of a destination. */
export function healthChecks(
  check: ActiveHealthCheck,
  { protocol, target }: Pick<Destination, "protocol" | "target">,
): JsonObject[] {
  return [
    {
      timeout: duration(check.timeout),
      interval: duration(check.interval),
      unhealthy_threshold: check.unhealthyThreshold,
      healthy_threshold: check.healthyThreshold,
      ...pace(check),
      ...(check.socket && { transport_socket_match_criteria: { [CHECK_SOCKET]: true } }),
      ...question(check, protocol, check.hostname ?? hostOf(target)),
    },
  ];
}

/**
 * Whom is asked for where nothing else is said. Envoy would send the cluster's name, whose slashes no host has: sidecars,
 * and servers in Go, answer that with 400.
 */
function hostOf(target: Destination["target"]): string {
  if (target.kind === "frontend") return target.frontend.split("/").reverse().join(".");
  const [host] = target.hosts;
  const address = host?.hostname ?? host?.addresses?.[0] ?? "localhost";
  return address.includes(":") ? `[${address}]` : address;
}

/** Envoy's edges are between the first answer that differs and the one that counts. */
function pace({ interval, unhealthyInterval, whileIdle }: ActiveHealthCheck): JsonObject {
  const sooner = duration(unhealthyInterval ?? interval);
  return {
    ...(unhealthyInterval !== undefined && {
      unhealthy_interval: sooner,
      healthy_edge_interval: sooner,
      unhealthy_edge_interval: duration(interval),
    }),
    ...(whileIdle && { no_traffic_interval: sooner, no_traffic_healthy_interval: duration(interval) }),
  };
}

/** The key of what tells the socket of checks from that of traffic. */
export const CHECK_SOCKET = "health-check";

function question(check: ActiveHealthCheck, protocol: Destination["protocol"], host: string): JsonObject {
  if (check.kind === "tcp") return { tcp_health_check: {} };
  if (check.kind === "grpc") {
    return { grpc_health_check: { authority: host } };
  }
  return {
    http_health_check: {
      path: check.path ?? "/",
      host,
      ...(check.expectedStatuses?.length && {
        expected_statuses: statusRanges(check.expectedStatuses),
      }),
      ...(protocol === "http2" && { codec_client_type: "HTTP2" }),
    },
  };
}

/** Statuses that follow one another are one range: `200-399` is one, not two hundred. */
function statusRanges(statuses: readonly number[]): JsonObject[] {
  const ranges: { start: number; end: number }[] = [];
  for (const status of statuses.toSorted((a, b) => a - b)) {
    const last = ranges.at(-1);
    if (last?.end === status) last.end++;
    else ranges.push({ start: status, end: status + 1 });
  }
  return ranges;
}

/** Passive checks; what the policy does not say is Envoy's default (5 errors in a row, 30 s out, at most 10 %). */
export function outlierDetection(check: PassiveHealthCheck): JsonObject {
  const { interval, baseEjection } = check;
  return {
    consecutive_5xx: check.consecutiveErrors,
    ...(check.consecutiveGatewayErrors !== undefined && {
      consecutive_gateway_failure: check.consecutiveGatewayErrors,
      enforcing_consecutive_gateway_failure: 100,
    }),
    ...(interval !== undefined && { interval: duration(interval) }),
    ...(baseEjection !== undefined && { base_ejection_time: duration(baseEjection) }),
    max_ejection_percent: check.maxEjectedPercent,
  };
}
