/** Mutual TLS between sidecars: who is asked for, and who is let in. */
import { extension, secretOverAds } from "../desired/names.ts";
import type { JsonObject } from "../proto/index.ts";
import { MESH_SERVER_NAME, SECRETS } from "./names.ts";

/** Endpoints whose pods have sidecars say so in their `filter_metadata`, and a cluster picks their transport socket by it. */
export const PEER: JsonObject = { "envoy.transport_socket_match": { mtls: true } };

const TLS_1_3: JsonObject = {
  tls_minimum_protocol_version: "TLSv1_3",
  tls_maximum_protocol_version: "TLSv1_3",
};
const AUTHORITIES: JsonObject = secretOverAds(SECRETS.authorities);
const WORKLOAD: readonly JsonObject[] = [secretOverAds(SECRETS.workload)];

/** The choice of a cluster between its endpoints with sidecars, which must be one of these identities, and the others. */
export function peerSocketMatches(identities: readonly string[]): JsonObject[] {
  return [{ name: "mtls", match: { mtls: true }, transport_socket: peerSocket(identities) }];
}

/**
 * A connection to a sidecar. There is no ALPN here: Envoy adds that of the HTTP version that it speaks (and none for
 * streams), so that the other side can tell them apart.
 */
function peerSocket(identities: readonly string[]): JsonObject {
  const names = identities.map((identity) => ({ san_type: "URI", matcher: { exact: identity } }));
  return extension("tls", "envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext", {
    sni: MESH_SERVER_NAME,
    common_tls_context: {
      tls_params: TLS_1_3,
      tls_certificate_sds_secret_configs: WORKLOAD,
      combined_validation_context: {
        default_validation_context: { match_typed_subject_alt_names: names },
        validation_context_sds_secret_config: AUTHORITIES,
      },
    },
  });
}

/** A connection from a sidecar: it must show a certificate of the mesh. */
export function inboundSocket(http: boolean): JsonObject {
  return extension(
    "envoy.transport_sockets.tls",
    "envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
    {
      common_tls_context: {
        tls_params: TLS_1_3,
        tls_certificate_sds_secret_configs: WORKLOAD,
        validation_context_sds_secret_config: AUTHORITIES,
        ...(http && { alpn_protocols: ["h2", "http/1.1"] }),
      },
      require_client_certificate: true,
    },
  );
}

/** The secrets that every such connection needs. */
export const TLS_SECRETS: readonly string[] = [SECRETS.workload, SECRETS.authorities];
