/** How a connection to a backend is wrapped: TLS, and the PROXY protocol before it. */
import type { Destination, UpstreamTls } from "../../traffic/gateway/model.ts";
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
    { config: { version: version === 2 ? "V2" : "V1" }, transport_socket: socket ?? RAW },
  );
}

const RAW = extension(
  "envoy.transport_sockets.raw_buffer",
  "envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer",
);

const ALPN: Readonly<Partial<Record<Destination["protocol"], string>>> = { http1: "http/1.1", http2: "h2" };

function tlsSocket(tls: UpstreamTls, protocol: Destination["protocol"]): JsonObject {
  const alpn = ALPN[protocol];
  const { clientCertificate } = tls;
  return extension(
    "envoy.transport_sockets.tls",
    "envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
    {
      sni: tls.serverName,
      common_tls_context: {
        combined_validation_context: {
          default_validation_context: { match_typed_subject_alt_names: subjectAltNames(tls) },
          validation_context_sds_secret_config: secretOverAds(trustSecret(tls.trust)),
        },
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
