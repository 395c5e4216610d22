/** What policies say about seeing traffic. */
import { isIP } from "node:net";
import type { TelemetrySpec } from "../../objects/mesh/index.ts";
import type { Telemetry, Tracing } from "./model.ts";

const MILLION = 1_000_000;
const DEFAULT_PERCENT = 1;

/**
 * What is told of traffic, each field as the nearest policy says it.
 * @param first what the nearest policy that has it says of a field
 */
export function telemetryOf(
  first: <T>(read: (spec: TelemetrySpec) => T | undefined) => T | undefined,
): Telemetry | undefined {
  const accessLog = first((spec) => spec.accessLog);
  const metrics = first((spec) => spec.metrics);
  const tracing = first((spec) => spec.tracing);
  const telemetry: Telemetry = {
    ...(accessLog === "All" && { accessLog: "all" }),
    ...(accessLog === "Failures" && { accessLog: "failures" }),
    ...(metrics && { metrics }),
    ...(tracing && { tracing: tracingOf(tracing) }),
  };
  return Object.keys(telemetry).length > 0 ? telemetry : undefined;
}

function tracingOf({ endpoint, protocol, samplingPercent }: NonNullable<TelemetrySpec["tracing"]>): Tracing {
  const place = endpoint === undefined ? undefined : collectorOf(endpoint);
  return {
    ...(place && { collector: { ...place, protocol: protocol === "HTTP" ? "http" : "grpc" } }),
    sampling: Math.round(((samplingPercent ?? DEFAULT_PERCENT) * MILLION) / 100),
  };
}

/** `host:port`, `192.0.2.1:4317` or `[2001:db8::1]:4317`; undefined where it is none of these. */
export function collectorOf(endpoint: string): { host: string; port: number } | undefined {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^\s:[\]/]+)):([0-9]{1,5})$/.exec(endpoint);
  if (match === null) return undefined;
  const [, bracketed, plain, digits] = match;
  const port = Number(digits);
  const host = bracketed ?? plain ?? "";
  if (port < 1 || port > 65_535 || (bracketed !== undefined && isIP(bracketed) !== 6)) return undefined;
  return { host, port };
}
