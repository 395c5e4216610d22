import { createPrivateKey, generateKeyPair, type KeyObject, X509Certificate } from "node:crypto";
import { promisify } from "node:util";
import {
  authorityKeyIdentifier,
  basicConstraints,
  extendedKeyUsage,
  keyUsage,
  subjectAltName,
  subjectKeyIdentifier,
} from "./extensions.ts";
import { distinguishedName, keyIdentifier, signCertificate, signerOf, signingProblem } from "./x509.ts";

/** A certificate with its private key, as PEM texts. */
export interface KeyPair {
  readonly certificate: string;
  readonly key: string;
}

/** What a certificate is to say. */
export interface CertificateRequest {
  /** The subject's common name: of more than 64 characters the first 64. */
  readonly commonName: string;
  /** The subject's organization: to Kubernetes the group of a user, `system:masters`. */
  readonly organization?: string;
  /** Names in OpenSSL's words: `DNS:a.example`, `IP:fd00::1`, `URI:spiffe://…`. */
  readonly subjectAltNames: readonly string[];
  readonly usages: readonly ("serverAuth" | "clientAuth")[];
  readonly days: number;
}

const CA_DAYS = 3650;
const DAY = 86_400_000;
/** Certificates are good from so long ago, in milliseconds: whoever takes them may have a clock that is behind. */
const BACKDATED = 10 * 60_000;

/** Makes a certificate authority for ten years. */
export async function createAuthority(commonName: string): Promise<KeyPair> {
  const { publicKey, privateKey } = await newKey();
  const identifier = keyIdentifier(publicKey);
  const name = distinguishedName(commonName);
  const extensions = [basicConstraints(true), keyUsage(true), subjectKeyIdentifier(identifier)];
  const unsigned = { subject: name, publicKey, ...validity(CA_DAYS), extensions };
  return { certificate: signCertificate({ name, key: privateKey }, unsigned), key: pem(privateKey) };
}

/** Issues a certificate, with a new key, under an authority. @throws UserError for names and keys that cannot be used */
export async function issueCertificate(authority: KeyPair, request: CertificateRequest): Promise<KeyPair> {
  const { publicKey, privateKey } = await newKey();
  const signer = signerOf(authority.certificate, authority.key);
  const extensions = [
    basicConstraints(false),
    keyUsage(false),
    extendedKeyUsage(request.usages),
    ...(request.subjectAltNames.length > 0 ? [subjectAltName(request.subjectAltNames)] : []),
    ...(signer.keyIdentifier ? [authorityKeyIdentifier(signer.keyIdentifier)] : []),
  ];
  const subject = distinguishedName(request.commonName, request.organization);
  const unsigned = { subject, publicKey, ...validity(request.days), extensions };
  return { certificate: signCertificate(signer, unsigned), key: pem(privateKey) };
}

function newKey(): Promise<{ publicKey: KeyObject; privateKey: KeyObject }> {
  return promisify(generateKeyPair)("ec", { namedCurve: "prime256v1" });
}

function pem(key: KeyObject): string {
  return key.export({ type: "pkcs8", format: "pem" }) as string;
}

function validity(days: number): { from: number; until: number } {
  const now = Date.now();
  return { from: now - BACKDATED, until: now + days * DAY };
}

/** What is wrong with an authority that somebody put into a Secret, `tls.crt` and `tls.key`; undefined: it can sign. */
export function authorityProblem({ certificate, key }: KeyPair): string | undefined {
  const shown = attempt(() => new X509Certificate(certificate));
  if (shown === undefined) return "tls.crt is no certificate (PEM)";
  if (!shown.ca)
    return "tls.crt is the certificate of no authority (its basic constraints do not say CA:TRUE)";
  const signing = attempt(() => createPrivateKey(key));
  if (signing === undefined) return "tls.key is no private key (PEM)";
  if (!shown.checkPrivateKey(signing)) return "tls.key is not the key of tls.crt";
  const problem = signingProblem(signing);
  return problem && `tls.key: ${problem}`;
}

/** Whether a text begins with a certificate (PEM). */
export function isCertificate(text: string): boolean {
  return attempt(() => new X509Certificate(text)) !== undefined;
}

function attempt<T>(make: () => T): T | undefined {
  try {
    return make();
  } catch {
    return undefined;
  }
}

/** Days until a certificate (PEM) is no longer valid; negative: since then; 0 where the text is no certificate. */
export function daysLeft(certificate: string): number {
  try {
    return (Date.parse(new X509Certificate(certificate).validTo) - Date.now()) / DAY;
  } catch {
    return 0;
  }
}
