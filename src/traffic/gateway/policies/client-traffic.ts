/** ClientTrafficPolicy. */
import { wordProblem } from "../tls-options.ts";
import type { AccessLog, ClientPolicy } from "../policy-model.ts";
import type { CompiledParts } from "./compile.ts";
import { keepalive } from "./keepalive.ts";
import { logFormatProblem } from "./log-format.ts";
import type { ClientTrafficPolicy } from "./objects.ts";
import { bytes, cidrs, count, definedOrNone, milliseconds, type PolicyReader, refuse } from "./reader.ts";
import type { ClientSettings } from "./types.ts";

type Spec = ClientTrafficPolicy["spec"];

/** Reads the spec of a ClientTrafficPolicy. */
export function compileClientTraffic(spec: Spec, reader: PolicyReader): CompiledParts {
  const { timeout = {}, connection = {} } = spec;
  const client = definedOrNone<ClientPolicy>({
    proxyProtocol: proxyProtocol(spec, reader),
    clientAddress: clientAddress(spec, reader),
    keepalive: keepalive(spec.tcpKeepalive, reader),
    requestReceivedTimeout: milliseconds(
      timeout.http?.requestReceivedTimeout,
      "spec.timeout.http.requestReceivedTimeout",
      reader,
    ),
    idleTimeout: milliseconds(timeout.http?.idleTimeout, "spec.timeout.http.idleTimeout", reader),
    connectionLimit: count(
      connection.connectionLimit?.value,
      "spec.connection.connectionLimit.value",
      reader,
    ),
    bufferLimit: bytes(connection.bufferLimit, "spec.connection.bufferLimit", reader),
    accessLog: accessLog(spec, reader),
    compression: compression(spec),
    pathNormalization: not(spec.path?.disableNormalization),
    mergeSlashes: not(spec.path?.disableMergeSlashes),
    escapedSlashes: spec.path?.escapedSlashesAction && ESCAPED_SLASHES[spec.path.escapedSlashesAction],
  });
  return { client, tls: tls(spec, reader) };
}

const not = (flag: boolean | undefined) => (flag === undefined ? undefined : !flag);

const ESCAPED_SLASHES = {
  KeepUnchanged: "keep",
  RejectRequest: "reject",
  UnescapeAndForward: "forward",
  UnescapeAndRedirect: "redirect",
} as const;

function proxyProtocol({ proxyProtocol: value }: Spec, reader: PolicyReader): ClientPolicy["proxyProtocol"] {
  if (value === undefined) return undefined;
  const trusted = cidrs(
    value.trustedCIDRs ?? [],
    "spec.proxyProtocol.trustedCIDRs",
    reader,
    "no balancer is trusted over",
  );
  return { optional: value.optional ?? false, trusted };
}

function clientAddress({ clientIPDetection }: Spec, reader: PolicyReader): ClientPolicy["clientAddress"] {
  const { xForwardedFor, customHeader } = clientIPDetection ?? {};
  if (xForwardedFor !== undefined && customHeader !== undefined)
    return refuse(reader, "spec.clientIPDetection", "xForwardedFor and customHeader exclude each other");
  return definedOrNone<NonNullable<ClientPolicy["clientAddress"]>>({
    trustedHops: xForwardedFor?.numTrustedHops,
    header: customHeader?.name.toLowerCase(),
  });
}

function accessLog({ accessLog: value }: Spec, reader: PolicyReader): AccessLog | undefined {
  if (value === undefined) return undefined;
  const { type, text, json } = value.format;
  const texts = type === "JSON" ? Object.entries(json ?? {}) : [["", text ?? ""]];
  for (const [name, format] of texts) {
    const problem = logFormatProblem(format ?? "");
    const field = `spec.accessLog.format.${type === "JSON" ? `json.${name}` : "text"}`;
    if (problem !== undefined) refuse(reader, field, problem);
  }
  if (type === "JSON")
    return json === undefined
      ? refuse(reader, "spec.accessLog.format.json", "is missing")
      : { format: { json } };
  return text === undefined
    ? refuse(reader, "spec.accessLog.format.text", "is missing")
    : { format: { text } };
}

const COMPRESSION = { Gzip: "gzip", Brotli: "brotli", Zstd: "zstd" } as const;

function compression({ compression: list }: Spec): ClientPolicy["compression"] {
  return list?.map(({ type }) => COMPRESSION[type]);
}

function tls({ tls: value }: Spec, reader: PolicyReader): ClientSettings["tls"] {
  if (value === undefined) return undefined;
  const { minVersion, maxVersion } = value;
  if (minVersion !== undefined && maxVersion !== undefined && minVersion > maxVersion)
    refuse(reader, "spec.tls.maxVersion", `${maxVersion} is before minVersion ${minVersion}`);
  const problem = wordProblem(value.ciphers, value.alpnProtocols);
  if (problem !== undefined) refuse(reader, "spec.tls", problem);
  if (minVersion === "1.3" && value.ciphers !== undefined)
    reader.notes.push("spec.tls.ciphers is about TLS 1.2 and before: with minVersion 1.3 it has no effect");
  return definedOrNone<NonNullable<ClientSettings["tls"]>>({
    minVersion,
    maxVersion,
    ciphers: value.ciphers,
    alpn: value.alpnProtocols,
  });
}
