/** TLS with clients. Certificates and trust come as secrets of their own, so that renewing them changes no listener. */
import type { ServerTls } from "../../traffic/gateway/model.ts";
import type { JsonObject } from "../proto/index.ts";
import { certificateSecret, extension, secretOverAds, trustSecret } from "./names.ts";

/** The transport socket of a chain that ends TLS. */
export function downstreamTls(tls: ServerTls, http: boolean): JsonObject {
  const { clientTrust, clientCertificateOptional = false } = tls;
  const alpn = tls.alpn ?? (http ? ["h2", "http/1.1"] : []);
  const parameters = tlsParameters(tls);
  return extension(
    "envoy.transport_sockets.tls",
    "envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
    {
      common_tls_context: {
        ...(parameters && { tls_params: parameters }),
        tls_certificate_sds_secret_configs: tls.certificates.map((name) =>
          secretOverAds(certificateSecret(name)),
        ),
        ...(clientTrust !== undefined && clientValidation(clientTrust, clientCertificateOptional)),
        ...(alpn.length > 0 && { alpn_protocols: alpn }),
      },
      ...(clientTrust !== undefined && { require_client_certificate: !clientCertificateOptional }),
    },
  );
}

/** Optional (AllowInsecureFallback): a certificate that does not verify is let in as well. */
function clientValidation(trust: string, optional: boolean): JsonObject {
  const secret = secretOverAds(trustSecret(trust));
  if (!optional) return { validation_context_sds_secret_config: secret };
  return {
    combined_validation_context: {
      default_validation_context: { trust_chain_verification: "ACCEPT_UNTRUSTED" },
      validation_context_sds_secret_config: secret,
    },
  };
}

function tlsParameters({ minVersion, maxVersion, ciphers }: ServerTls): JsonObject | undefined {
  if (minVersion === undefined && maxVersion === undefined && !ciphers?.length) return undefined;
  return {
    ...(minVersion !== undefined && { tls_minimum_protocol_version: version(minVersion) }),
    ...(maxVersion !== undefined && { tls_maximum_protocol_version: version(maxVersion) }),
    ...(ciphers?.length && { cipher_suites: ciphers }),
  };
}

/** `1.2`, `TLSv1.2` and `TLSv1_2` are one; what is none of these leaves the choice to Envoy. */
function version(text: string): string {
  const minor = /^(?:TLSv?)?1[._]([0-3])$/i.exec(text)?.[1];
  return minor === undefined ? "TLS_AUTO" : `TLSv1_${minor}`;
}
