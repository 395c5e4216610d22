/** Certificates and keys out of Secrets, and bundles of certificate authorities out of ConfigMaps and Secrets. */
import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { formatTime } from "../../objects/time.ts";
import type { ConfigMap, Secret } from "../../objects/types.ts";

/** The PEM texts of a server's or client's certificate, or what is wrong with the Secret. */
export type KeyPair =
  | {
      readonly certificate: string;
      readonly privateKey: string;
      /** From when to when the certificate is valid, in words. */
      readonly validity: string;
      readonly problem?: undefined;
    }
  | { readonly problem: string };

/** PEM text of one or more CA certificates, or what is wrong. */
export type CaBundle =
  | { readonly certificates: string; readonly problem?: undefined }
  | { readonly problem: string };

/** Parsing a key costs a millisecond, and one Secret serves many listeners. */
const pairs = new WeakMap<Secret, KeyPair>();

/** Reads and checks a Secret of type `kubernetes.io/tls`: both parse, and the key belongs to the certificate. */
export function keyPairOf(secret: Secret): KeyPair {
  const known = pairs.get(secret);
  if (known !== undefined) return known;
  const pair = readKeyPair(secret);
  pairs.set(secret, pair);
  return pair;
}

function readKeyPair({ type, data }: Secret): KeyPair {
  if (type !== "kubernetes.io/tls")
    return { problem: `is of type ${type ?? "Opaque"}, not kubernetes.io/tls` };
  const certificate = decoded(data?.["tls.crt"]);
  const privateKey = decoded(data?.["tls.key"]);
  if (certificate === undefined) return { problem: "has no tls.crt" };
  if (privateKey === undefined) return { problem: "has no tls.key" };
  return checkPair(certificate, privateKey);
}

function checkPair(certificate: string, privateKey: string): KeyPair {
  const chain = parseCertificates(certificate);
  if (chain.problem !== undefined) return { problem: `tls.crt ${chain.problem}` };
  const key = parseKey(privateKey);
  if (key === undefined)
    return { problem: "tls.key is not a PEM private key that can be read without a passphrase" };
  if (!chain.leaf.checkPrivateKey(key))
    return { problem: "tls.key is not the key of the certificate in tls.crt" };
  const weakness = unusableKey(key);
  if (weakness !== undefined) return { problem: `tls.key ${weakness}` };
  const { validFromDate, validToDate } = chain.leaf;
  return {
    certificate,
    privateKey,
    validity: `valid from ${formatTime(validFromDate)} to ${formatTime(validToDate)}`,
  };
}

function parseKey(text: string): KeyObject | undefined {
  try {
    return createPrivateKey(text);
  } catch {
    return undefined;
  }
}

const CURVES: ReadonlySet<string | undefined> = new Set(["prime256v1", "secp384r1", "secp521r1"]);

/** What Envoy refuses (envoy.extensions.transport_sockets.tls.v3.TlsCertificate), so that no chain waits for it. */
function unusableKey({
  asymmetricKeyType: type,
  asymmetricKeyDetails: details,
}: KeyObject): string | undefined {
  if (type === "rsa") {
    const bits = details?.modulusLength ?? 0;
    return bits < 2048 ? `is an RSA key of ${bits} bits: 2048 are the least` : undefined;
  }
  if (type !== "ec") return `is of type ${type ?? "unknown"}: use RSA or ECDSA`;
  return CURVES.has(details?.namedCurve) ? undefined : "is of a curve other than P-256, P-384 and P-521";
}

/** Reads `ca.crt` of a ConfigMap or a Secret. */
export function caBundleOf(object: ConfigMap | Secret): CaBundle {
  const isSecret = object.kind === "Secret";
  const text = isSecret ? decoded(object.data?.["ca.crt"]) : object.data?.["ca.crt"];
  if (text === undefined || text === "") return { problem: "has no ca.crt" };
  const parsed = parseCertificates(text);
  return parsed.problem === undefined ? { certificates: text } : { problem: `ca.crt ${parsed.problem}` };
}

const BLOCK = /-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g;

function parseCertificates(
  text: string,
): { readonly leaf: X509Certificate; readonly problem?: undefined } | { readonly problem: string } {
  const blocks = text.match(BLOCK) ?? [];
  try {
    const [leaf] = blocks.map((block) => new X509Certificate(block));
    return leaf === undefined ? { problem: "holds no PEM certificate" } : { leaf };
  } catch {
    return { problem: "holds a PEM certificate that does not parse" };
  }
}

function decoded(base64: string | undefined): string | undefined {
  return base64 === undefined ? undefined : Buffer.from(base64, "base64").toString("utf8");
}
