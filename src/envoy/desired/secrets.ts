/** Certificates and trust as secrets. */
import type { Certificate, TrustBundle } from "../../traffic/gateway/model.ts";
import type { JsonObject } from "../proto/index.ts";
import { certificateSecret, trustSecret } from "./names.ts";

/** A certificate with its key. */
export function certificateOf({ name, certificate, privateKey }: Certificate): JsonObject {
  return {
    name: certificateSecret(name),
    tls_certificate: {
      certificate_chain: { inline_string: certificate },
      private_key: { inline_string: privateKey },
    },
  };
}

/** Certificate authorities; those of the system are a file (`systemTrust`) at the proxy. */
export function trustOf({ name, certificates }: TrustBundle, systemTrust: string): JsonObject {
  const trusted = certificates === "system" ? { filename: systemTrust } : { inline_string: certificates };
  return { name: trustSecret(name), validation_context: { trusted_ca: trusted } };
}
