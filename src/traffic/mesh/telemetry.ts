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
  const place = endpoint === undefined ? undefined : collectorOf(endpoint, protocol);
  return {
    ...(place &&
      "host" in place && { collector: { ...place, protocol: protocol === "HTTP" ? "http" : "grpc" } }),
    sampling: Math.round(((samplingPercent ?? DEFAULT_PERCENT) * MILLION) / 100),
  };
}

const TRACES_PATH = "/v1/traces";
const EXAMPLES = "for example otel.observability.svc.cluster.local:4317 or http://[fd00::1]:4318/v1/traces";

/**
 * Where spans go: `host:port`, `192.0.2.1:4317`, `[2001:db8::1]:4317`, or one of these as a URL of OTLP, as OpenTelemetry
 * has them in OTEL_EXPORTER_OTLP_ENDPOINT and OTEL_EXPORTER_OTLP_TRACES_ENDPOINT. Else what is wrong with it.
 */
export function collectorOf(
  endpoint: string,
  protocol: "GRPC" | "HTTP" = "GRPC",
): { readonly host: string; readonly port: number } | { readonly problem: string } {
  const [, scheme, place = "", path = ""] =
    /^(?:([a-zA-Z][\w+.-]*):\/\/)?([^/?#]*)(.*)$/.exec(endpoint) ?? [];
  const known = scheme?.toLowerCase();
  if (known === "https")
    return {
      problem: "asks for TLS, and sidecars send spans without; name a collector beside them by http://",
    };
  if (known !== undefined && known !== "http")
    return { problem: `begins with ${scheme}://, and only http:// or nothing may stand there; ${EXAMPLES}` };
  if (path !== "" && (scheme === undefined || !["/", TRACES_PATH, `${TRACES_PATH}/`].includes(path)))
    return { problem: `ends with ${path}, and spans can only be sent to http://host:port${TRACES_PATH}` };
  if (path.startsWith(TRACES_PATH) && protocol === "GRPC")
    return {
      problem: `has the path of OTLP over HTTP while protocol is GRPC; say protocol: HTTP, or leave ${path} out`,
    };
  return hostAndPort(place) ?? { problem: `is not host:port, nor http://host:port; ${EXAMPLES}` };
}

function hostAndPort(place: string): { host: string; port: number } | undefined {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^\s:[\]/@]+)):([0-9]{1,5})$/.exec(place);
  if (match === null) return undefined;
  const [, bracketed, plain, digits] = match;
  const port = Number(digits);
  const host = bracketed ?? plain ?? "";
  if (port < 1 || port > 65_535 || (bracketed !== undefined && isIP(bracketed) !== 6)) return undefined;
  return { host, port };
}
