import { sign, verify } from "node:crypto";
import type { SigningKey } from "./key.ts";

/** Signs claims (RFC 7519, JWS compact form). */
export function signJwt(key: SigningKey, claims: object): string {
  const head = encode({ alg: key.algorithm, kid: key.id });
  const input = `${head}.${encode(claims)}`;
  const signature = sign("sha256", Buffer.from(input), { key: key.privateKey, dsaEncoding: "ieee-p1363" });
  return `${input}.${signature.toString("base64url")}`;
}

/** The claims of a token that this key has signed; undefined for anything else. */
export function verifyJwt(key: SigningKey, token: string): unknown {
  const [head, body, signature, ...more] = token.split(".");
  if (head === undefined || body === undefined || signature === undefined || more.length > 0)
    return undefined;
  // the algorithm is the key's, never the one that the token asks for
  const { alg } = (decode(head) ?? {}) as { alg?: unknown };
  if (alg !== key.algorithm) return undefined;
  const input = Buffer.from(`${head}.${body}`);
  const options = { key: key.publicKey, dsaEncoding: "ieee-p1363" } as const;
  return verify("sha256", input, options, Buffer.from(signature, "base64url")) ? decode(body) : undefined;
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}

function decode(text: string): unknown {
  try {
    return JSON.parse(Buffer.from(text, "base64url").toString("utf8"));
  } catch {
    return undefined;
  }
}
