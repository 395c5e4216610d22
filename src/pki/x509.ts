/** X.509 certificates (RFC 5280), written and signed in memory: no private key is ever in a file. */
import {
  createHash,
  createPrivateKey,
  type KeyObject,
  randomBytes,
  sign,
  X509Certificate,
} from "node:crypto";
import { UserError } from "../errors/user-error.ts";
import { bitString, contentOf, der, integer, objectIdentifier, partsOf, sequence, time } from "./der.ts";
import { keyIdentifierAmong } from "./extensions.ts";

/** Who signs: the name it signs by (encoded), the identifier of its key, where it has one, and its key. */
export interface Signer {
  readonly name: Buffer;
  readonly keyIdentifier?: Buffer;
  readonly key: KeyObject;
}

/** What is signed; `extensions` in the order they are written. */
export interface Unsigned {
  readonly subject: Buffer;
  readonly publicKey: KeyObject;
  /** Milliseconds since 1970. */
  readonly from: number;
  readonly until: number;
  readonly extensions: readonly Buffer[];
}

const ORGANIZATION = "2.5.4.10";
const COMMON_NAME = "2.5.4.3";
const SERIAL_OCTETS = 16;
/** The longest common name or organization (RFC 5280, appendix A.1: ub-common-name). */
const LONGEST_NAME = 64;

/** Signs a certificate, and returns it as PEM. @throws UserError when keys of the signer's type cannot sign here */
export function signCertificate(signer: Signer, certificate: Unsigned): string {
  const { algorithm, digest } = signatureOf(signer.key);
  const signed = sequence(
    der(0xa0, integer(Buffer.from([2]))), // version 3
    integer(randomBytes(SERIAL_OCTETS)),
    algorithm,
    signer.name,
    sequence(time(certificate.from), time(certificate.until)),
    certificate.subject,
    encodedKey(certificate.publicKey),
    der(0xa3, sequence(...certificate.extensions)),
  );
  const signature = bitString(sign(digest, signed, signer.key));
  return new X509Certificate(sequence(signed, algorithm, signature)).toString();
}

/** The signer that a certificate with its key (PEM) is. @throws when either cannot be read */
export function signerOf(certificate: string, key: string): Signer {
  const [signed = Buffer.alloc(0)] = partsOf(new X509Certificate(certificate).raw);
  // the version comes first, and is left out in version 1 (RFC 5280, 4.1)
  const fields = partsOf(signed).filter((field) => field[0] !== 0xa0);
  const extensions = fields.find((field) => field[0] === 0xa3);
  const own = extensions && keyIdentifierAmong(contentOf(extensions));
  const [_serial, _algorithm, _issuer, _validity, name = sequence()] = fields;
  return { name, ...(own && { keyIdentifier: own }), key: createPrivateKey(key) };
}

/** Whether certificates can be signed with a key, by its type: undefined, or what is wrong with it. */
export function signingProblem(key: KeyObject): string | undefined {
  const type = key.asymmetricKeyType;
  return type !== undefined && type in SIGNATURES
    ? undefined
    : `a key of type ${type} cannot sign here: ${Object.keys(SIGNATURES).join(", ")} can`;
}

/** By types of keys: the signature's algorithm (RFC 5758, 4055 and 8410) and the digest that it is made of. */
const SIGNATURES: Readonly<Record<string, { algorithm: Buffer; digest: string | null }>> = {
  ec: { algorithm: sequence(objectIdentifier("1.2.840.10045.4.3.2")), digest: "sha256" },
  rsa: {
    algorithm: sequence(objectIdentifier("1.2.840.113549.1.1.11"), der(0x05)),
    digest: "sha256",
  },
  ed25519: { algorithm: sequence(objectIdentifier("1.3.101.112")), digest: null },
};

function signatureOf(key: KeyObject): { algorithm: Buffer; digest: string | null } {
  const known = SIGNATURES[key.asymmetricKeyType ?? ""];
  if (known !== undefined) return known;
  throw new UserError({
    what: "cannot make certificates",
    why: signingProblem(key) ?? "its type is unknown",
    next: "give the authority a key of such a type",
  });
}

/** The encoded name of a subject; an empty part is left out, and what is too long is cut. */
export function distinguishedName(commonName: string, organization = ""): Buffer {
  const parts = [
    [ORGANIZATION, organization],
    [COMMON_NAME, commonName],
  ] as const;
  const attributes = parts
    .filter(([, text]) => text !== "")
    .map(([type, text]) => sequence(objectIdentifier(type), utf8String(text)));
  return sequence(...attributes.map((attribute) => der(0x31, attribute)));
}

function utf8String(text: string): Buffer {
  return der(0x0c, Buffer.from([...text].slice(0, LONGEST_NAME).join("")));
}

/** The identifier of a key: the SHA-1 of its bits (RFC 5280, 4.2.1.2). */
export function keyIdentifier(publicKey: KeyObject): Buffer {
  const bits = partsOf(encodedKey(publicKey)).at(-1) ?? Buffer.alloc(1);
  return createHash("sha1").update(contentOf(bits).subarray(1)).digest();
}

function encodedKey(publicKey: KeyObject): Buffer {
  return publicKey.export({ type: "spki", format: "der" });
}
