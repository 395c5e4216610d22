/** Sets of public keys (JWKS, RFC 7517), judged before Envoy does: it refuses the tokens of all policies for one bad set. */
import { createPublicKey, type JsonWebKey } from "node:crypto";

/** What is wrong with a key set; undefined: it has a key that can be used. Others in it are passed over, as by Envoy. */
export function keySetProblem(text: string): string | undefined {
  const keys = keysOf(text);
  if (keys === undefined) return 'is no key set (RFC 7517): JSON such as {"keys": [{"kty": "RSA", …}]}';
  if (keys.length === 0) return "has no key";
  const problems = keys.map((key, index) => {
    const problem = keyProblem(key);
    return problem === undefined ? undefined : `key ${index + 1} ${problem}`;
  });
  return problems.includes(undefined) ? undefined : `has no key that can be used: ${problems.join(", ")}`;
}

function keysOf(text: string): readonly unknown[] | undefined {
  try {
    const parsed: unknown = JSON.parse(text);
    const keys: unknown = isObject(parsed) ? parsed["keys"] : undefined;
    return Array.isArray(keys) ? keys : undefined;
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The algorithms of Envoy 1.40 (jwt_verify_lib), by the type and curve of a key. */
const ALGORITHMS: Readonly<Record<string, RegExp>> = {
  RSA: /^(RS|PS)(256|384|512)$/,
  "EC P-256": /^ES256$/,
  "EC P-384": /^ES384$/,
  "EC P-521": /^ES512$/,
  oct: /^HS(256|384|512)$/,
  "OKP Ed25519": /^EdDSA$/,
};

/** Keys are not quoted in what is said of them: symmetric ones are secrets. */
function keyProblem(key: unknown): string | undefined {
  if (!isObject(key)) return "is no object";
  const { kty, crv, kid, alg } = key;
  const kind = kty === "EC" || kty === "OKP" ? `${kty} ${String(crv)}` : String(kty);
  const fitting = ALGORITHMS[kind];
  if (fitting === undefined) return `is of a type that is not known (${kind})`;
  if (kid !== undefined && typeof kid !== "string") return "has a kid that is no text";
  if (alg !== undefined && (typeof alg !== "string" || !fitting.test(alg)))
    return `has an alg that ${kind} keys cannot have`;
  return kty === "oct" ? secretProblem(key["k"]) : publicProblem(key);
}

function secretProblem(value: unknown): string | undefined {
  const isBase64 = typeof value === "string" && /^[A-Za-z0-9_-]+$/.test(value) && value.length % 4 !== 1;
  return isBase64 ? undefined : "has no k in base64url";
}

function publicProblem(key: Readonly<Record<string, unknown>>): string | undefined {
  try {
    const { asymmetricKeyDetails } = createPublicKey({ key: key as JsonWebKey, format: "jwk" });
    const exponent = asymmetricKeyDetails?.publicExponent;
    if (exponent !== undefined && exponent !== 3n && exponent !== 65_537n)
      return "has another exponent than AQAB";
    return undefined;
  } catch {
    return "is cut off or garbled";
  }
}
