/** How a connection to a backend is wrapped: TLS, and the PROXY protocol before it. */
import type { Destination, UpstreamTls } from "../../traffic/gateway/model.ts";
import type { DestinationPolicy } from "../../traffic/gateway/policy-model.ts";
import type { JsonObject } from "../proto/index.ts";
import { certificateSecret, extension, secretOverAds, trustSecret } from "./names.ts";

/** The transport socket of a destination; undefined: plain. */
export function upstreamSocket({ tls, policy, protocol }: Destination): JsonObject | undefined {
  const socket = tls && tlsSocket(tls, protocol);
  const version = policy?.proxyProtocol;
  if (version === undefined) return socket;
  return extension(
    "envoy.transport_sockets.upstream_proxy_protocol",
    "envoy.extensions.transport_sockets.proxy_protocol.v3.ProxyProtocolUpstreamTransport",
    { config: proxyConfig(version, policy?.proxyProtocolTlvs ?? []), transport_socket: socket ?? RAW },
  );
}

function proxyConfig(version: 1 | 2, tlvs: NonNullable<DestinationPolicy["proxyProtocolTlvs"]>): JsonObject {
  if (version === 1) return { version: "V1" };
  const added = tlvs.map(({ type, value }) => ({
    type,
    format_string: { text_format_source: { inline_string: value } },
  }));
  return { version: "V2", ...(added.length > 0 && { added_tlvs: added }) };
}

/** The socket of health checks, where that is not the one of traffic. */
export function checkSocket({ policy, protocol }: Destination): JsonObject | undefined {
  const socket = policy?.activeHealthCheck?.socket;
  if (socket === undefined) return undefined;
  return socket === "plain" ? RAW : tlsSocket({ serverName: "", trust: "", unverified: true }, protocol);
}

const RAW = extension(
  "envoy.transport_sockets.raw_buffer",
  "envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer",
);

const ALPN: Readonly<Partial<Record<Destination["protocol"], string>>> = { http1: "http/1.1", http2: "h2" };

function tlsSocket(tls: UpstreamTls, protocol: Destination["protocol"]): JsonObject {
  const alpn = ALPN[protocol];
  const { clientCertificate, unverified = false } = tls;
  return extension(
    "envoy.transport_sockets.tls",
    "envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
    {
      ...(!unverified && { sni: tls.serverName }),
      common_tls_context: {
        ...(!unverified && {
          combined_validation_context: {
            default_validation_context: { match_typed_subject_alt_names: subjectAltNames(tls) },
            validation_context_sds_secret_config: secretOverAds(trustSecret(tls.trust)),
          },
        }),
        ...(clientCertificate !== undefined && {
          tls_certificate_sds_secret_configs: [secretOverAds(certificateSecret(clientCertificate))],
        }),
        ...(alpn !== undefined && { alpn_protocols: [alpn] }),
      },
    },
  );
}

/** The names of which the certificate must have one: those written down, or else the server's (BackendTLSPolicy). */
function subjectAltNames({ serverName, subjectAltNames: given }: UpstreamTls): JsonObject[] {
  const names = given?.length ? given : [{ kind: "dns" as const, value: serverName }];
  return names.map(({ kind, value }) => ({
    san_type: kind === "dns" ? "DNS" : "URI",
    matcher: { exact: value },
  }));
}
