import { createPrivateKey, X509Certificate } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runOpensslScript } from "./openssl.ts";

/** A certificate with its private key, as PEM texts. */
export interface KeyPair {
  readonly certificate: string;
  readonly key: string;
}

/** What a certificate is to say. */
export interface CertificateRequest {
  /** The subject's common name: letters, digits, `-`, `.`, `_` and `:`. */
  readonly commonName: string;
  /** Names in OpenSSL's words: `DNS:a.example`, `IP:fd00::1`, `URI:spiffe://…`. */
  readonly subjectAltNames: readonly string[];
  readonly usages: readonly ("serverAuth" | "clientAuth")[];
  readonly days: number;
}

const CA_DAYS = 3650;
/** Certificates are good from so long ago, in milliseconds: whoever takes them may have a clock that is behind. */
const BACKDATED = 10 * 60_000;
/** openssl req cannot set when a certificate begins before 3.4; openssl ca can, and wants a database for that. */
const CONFIG = `[req]
distinguished_name = dn
[dn]
[ca]
default_ca = own
[own]
new_certs_dir = .
database = index.txt
unique_subject = no
rand_serial = yes
default_md = sha256
policy = any
[any]
commonName = optional
`;
const KEY = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -batch -config openssl.cnf";
// a configuration of its own keeps the host's openssl.cnf out; the umask keeps keys from others at all times
const PRELUDE = "umask 077; export OPENSSL_CONF=openssl.cnf";

/** Makes a certificate authority for ten years. @throws UserError when openssl is missing or fails */
export function createAuthority(commonName: string): Promise<KeyPair> {
  const extensions = `basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign,digitalSignature
subjectKeyIdentifier = hash`;
  return withOpenssl(extensions, {}, subjectOf(commonName), "-selfsign -keyfile out.key", CA_DAYS);
}

/** Issues a certificate, with a new key, under an authority. @throws UserError when openssl is missing or fails */
export function issueCertificate(authority: KeyPair, request: CertificateRequest): Promise<KeyPair> {
  const extensions = `basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = ${request.usages.join(",")}
subjectAltName = ${request.subjectAltNames.map(withoutControl).join(",")}`;
  const files = { "ca.crt": authority.certificate, "ca.key": authority.key };
  const signing = "-cert ca.crt -keyfile ca.key";
  return withOpenssl(extensions, files, subjectOf(request.commonName), signing, Math.ceil(request.days));
}

/** What is wrong with an authority that somebody put into a Secret, `tls.crt` and `tls.key`; undefined: it can sign. */
export function authorityProblem({ certificate, key }: KeyPair): string | undefined {
  const shown = attempt(() => new X509Certificate(certificate));
  if (shown === undefined) return "tls.crt is no certificate (PEM)";
  if (!shown.ca)
    return "tls.crt is the certificate of no authority (its basic constraints do not say CA:TRUE)";
  const signing = attempt(() => createPrivateKey(key));
  if (signing === undefined) return "tls.key is no private key (PEM)";
  return shown.checkPrivateKey(signing) ? undefined : "tls.key is not the key of tls.crt";
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
    return (Date.parse(new X509Certificate(certificate).validTo) - Date.now()) / 86_400_000;
  } catch {
    return 0;
  }
}

async function withOpenssl(
  extensions: string,
  files: Readonly<Record<string, string>>,
  subject: string,
  signing: string,
  days: number,
): Promise<KeyPair> {
  const folder = await mkdtemp(join(tmpdir(), "tandem-pki-"));
  try {
    const config = `${CONFIG}[extensions]\n${extensions}\n`;
    for (const [name, text] of Object.entries({ ...files, "openssl.cnf": config, "index.txt": "" }))
      await writeFile(join(folder, name), text, { mode: 0o600 });
    const begin = opensslTime(Date.now() - BACKDATED);
    const end = opensslTime(Date.now() + days * 86_400_000);
    const request = `openssl req -new ${KEY} -subj ${subject} -keyout out.key -out out.csr`;
    const sign = `openssl ca -batch -notext ${signing} -config openssl.cnf -extensions extensions`;
    const dates = `-startdate ${begin} -enddate ${end}`;
    await runOpensslScript(`${PRELUDE}\n${request} && ${sign} ${dates} -in out.csr -out out.crt`, folder);
    const read = (name: string) => readFile(join(folder, name), "utf8");
    return { certificate: await read("out.crt"), key: await read("out.key") };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** `YYYYMMDDHHMMSSZ`, see openssl-ca(1). */
function opensslTime(milliseconds: number): string {
  return `${new Date(milliseconds).toISOString().replaceAll(/[-:T]|\.\d+/g, "")}`;
}

/** Goes into a shell's command line, so that only harmless characters may pass. */
function subjectOf(commonName: string): string {
  return `/CN=${commonName.replaceAll(/[^A-Za-z0-9._:-]/g, "-").slice(0, 64)}`;
}

/** Goes into a configuration file, where a line's end or a comma would begin something else. */
function withoutControl(name: string): string {
  return name.replaceAll(/[^A-Za-z0-9._:/@*-]/g, "");
}
