import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
} from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { UserError } from "../../../errors/user-error.ts";
import { writePrivateFile } from "../../pki/kubeconfig.ts";

/** The key that ServiceAccounts' tokens are signed with. */
export interface SigningKey {
  readonly algorithm: "ES256" | "RS256";
  /** What tokens name it by: the digest of its public half, as the real server does. */
  readonly id: string;
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}

/**
 * The signing key in a PEM file (an EC key on P-256, or RSA), made when it is missing.
 * @throws UserError when the file holds no such key
 */
export function ensureSigningKey(path: string): SigningKey {
  if (!existsSync(path)) {
    const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    writePrivateFile(path, privateKey.export({ type: "pkcs8", format: "pem" }) as string);
  }
  let privateKey: KeyObject;
  try {
    privateKey = createPrivateKey(readFileSync(path));
  } catch (cause) {
    throw keyError(path, (cause as Error).message, cause);
  }
  const algorithm = algorithmOf(privateKey);
  if (algorithm === undefined) throw keyError(path, "it is neither an RSA key nor an EC key on P-256");
  const publicKey = createPublicKey(privateKey);
  const id = createHash("sha256")
    .update(publicKey.export({ type: "spki", format: "der" }))
    .digest("base64url");
  return { algorithm, id, privateKey, publicKey };
}

function algorithmOf({
  asymmetricKeyType,
  asymmetricKeyDetails,
}: KeyObject): SigningKey["algorithm"] | undefined {
  if (asymmetricKeyType === "rsa") return "RS256";
  const isP256 = asymmetricKeyType === "ec" && asymmetricKeyDetails?.namedCurve === "prime256v1";
  return isP256 ? "ES256" : undefined;
}

function keyError(where: string, why: string, cause?: unknown): UserError {
  return new UserError({
    what: "cannot read the key for ServiceAccounts' tokens",
    where,
    why,
    next: "restore the file, or remove it: a new key is made, and tokens issued before are void",
    cause,
  });
}
