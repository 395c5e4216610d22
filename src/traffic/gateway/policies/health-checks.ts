/** Health checks of backends, with the defaults that Envoy Gateway has. */
import type { ActiveHealthCheck, PassiveHealthCheck } from "../policy-model.ts";
import type { ActiveCheck, BackendTrafficPolicy } from "./objects.ts";
import { defined, moreThanNothing, type PolicyReader, refuse } from "./reader.ts";

const KINDS = { HTTP: "http", TCP: "tcp", GRPC: "grpc" } as const;
const DEFAULTS = { timeout: 1000, interval: 3000, unhealthyThreshold: 3, healthyThreshold: 1 };

/** Active checks: every address of a backend is asked. */
export function activeCheck(
  spec: ActiveCheck | undefined,
  reader: PolicyReader,
): ActiveHealthCheck | undefined {
  if (spec === undefined) return undefined;
  const field = "spec.healthCheck.active";
  if (spec.type === "HTTP" && spec.http?.path === undefined)
    return refuse(reader, `${field}.http.path`, "is missing");
  for (const part of ["path", "hostname"] as const)
    if (!/^[\x21-\x7e]*$/.test(spec.http?.[part] ?? ""))
      refuse(reader, `${field}.http.${part}`, "has spaces, or characters that no request can have");
  return defined<ActiveHealthCheck>({
    kind: KINDS[spec.type],
    timeout: moreThanNothing(spec.timeout, `${field}.timeout`, reader) ?? DEFAULTS.timeout,
    interval: moreThanNothing(spec.interval, `${field}.interval`, reader) ?? DEFAULTS.interval,
    unhealthyThreshold: spec.unhealthyThreshold ?? DEFAULTS.unhealthyThreshold,
    healthyThreshold: spec.healthyThreshold ?? DEFAULTS.healthyThreshold,
    path: spec.http?.path,
    hostname: spec.http?.hostname,
    expectedStatuses: spec.http?.expectedStatuses,
  });
}

/** Passive checks: backends whose answers are errors rest for a while. */
export function passiveCheck(
  spec: NonNullable<BackendTrafficPolicy["spec"]["healthCheck"]>["passive"],
  reader: PolicyReader,
): PassiveHealthCheck | undefined {
  if (spec === undefined) return undefined;
  const field = "spec.healthCheck.passive";
  return defined<PassiveHealthCheck>({
    consecutiveErrors: spec.consecutive5XxErrors,
    consecutiveGatewayErrors: spec.consecutiveGatewayErrors,
    interval: moreThanNothing(spec.interval, `${field}.interval`, reader),
    baseEjection: moreThanNothing(spec.baseEjectionTime, `${field}.baseEjectionTime`, reader),
    maxEjectedPercent: spec.maxEjectionPercent,
  });
}
