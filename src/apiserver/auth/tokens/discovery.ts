import { headerOf, type Call, type Reply } from "../../http/call.ts";
import { jsonReply } from "../../http/replies.ts";
import { ISSUER } from "./claims.ts";
import type { SigningKey } from "./key.ts";

/**
 * What others need to check ServiceAccounts' tokens by themselves: the issuer's configuration (OpenID Connect Discovery)
 * and its public key (RFC 7517). Undefined for any other path.
 */
export function issuerDocument(call: Call, key: SigningKey): Reply | undefined {
  if (call.path === "/openid/v1/jwks") {
    const own = { use: "sig", kid: key.id, alg: key.algorithm };
    const keys = [{ ...own, ...key.publicKey.export({ format: "jwk" }) }];
    return { ...jsonReply({ keys }), contentType: "application/jwk-set+json" };
  }
  if (call.path !== "/.well-known/openid-configuration") return undefined;
  return jsonReply({
    issuer: ISSUER,
    jwks_uri: `https://${headerOf(call, "host")}/openid/v1/jwks`,
    response_types_supported: ["id_token"],
    subject_types_supported: ["public"],
    id_token_signing_alg_values_supported: [key.algorithm],
  });
}
