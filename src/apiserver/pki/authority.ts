import { X509Certificate } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { isIP } from "node:net";
import { join } from "node:path";
import { runOpensslScript } from "../../pki/openssl.ts";

/** The PEM texts that the server works with. */
export interface Pki {
  readonly ca: string;
  readonly serverCert: string;
  readonly serverKey: string;
  readonly kubeletClientCert: string;
  readonly kubeletClientKey: string;
}

const FILES = [
  "ca.crt",
  "ca.key",
  "apiserver.crt",
  "apiserver.key",
  "kubelet-client.crt",
  "kubelet-client.key",
];
const MIN_DAYS_LEFT = 30;

/**
 * The cluster's PKI in a directory: a CA, the server's certificate for the given names and addresses, and the client
 * certificate for kubelets. What is there is kept; the server's is made anew when it lacks a name or is about to expire.
 */
export async function ensurePki(directory: string, sans: readonly string[]): Promise<Pki> {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const complete = FILES.every((name) => existsSync(join(directory, name)));
  if (!complete)
    await runOpensslScript(`${newCa()}\n${newServer()}\n${newKubeletClient()}`, prepared(directory, sans));
  else if (!isUsable(directory, sans)) await runOpensslScript(newServer(), prepared(directory, sans));
  for (const name of FILES) chmodSync(join(directory, name), name.endsWith(".key") ? 0o600 : 0o644);
  rmSync(join(directory, "openssl.cnf"), { force: true });
  const read = (name: string): string => readFileSync(join(directory, name), "utf8");
  return {
    ca: read("ca.crt"),
    serverCert: read("apiserver.crt"),
    serverKey: read("apiserver.key"),
    kubeletClientCert: read("kubelet-client.crt"),
    kubeletClientKey: read("kubelet-client.key"),
  };
}

function isUsable(directory: string, sans: readonly string[]): boolean {
  try {
    const certificate = new X509Certificate(readFileSync(join(directory, "apiserver.crt")));
    const expires = Date.parse(certificate.validTo);
    if (expires - Date.now() < MIN_DAYS_LEFT * 86_400_000) return false;
    return sans.every(
      (name) => (isIP(name) ? certificate.checkIP(name) : certificate.checkHost(name)) !== undefined,
    );
  } catch {
    return false;
  }
}

/** Writes the configuration that the commands below read, and gives the directory back. */
function prepared(directory: string, sans: readonly string[]): string {
  const names = sans.map((name) => (isIP(name) ? `IP:${name}` : `DNS:${name}`)).join(",");
  const text = `[req]
distinguished_name = dn
[dn]
[ca]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign,digitalSignature
subjectKeyIdentifier = hash
[server]
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = serverAuth
subjectAltName = ${names}
[client]
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = clientAuth
`;
  writeFileSync(join(directory, "openssl.cnf"), text, { mode: 0o600 });
  return directory;
}

// -batch and a config of our own keep the host's openssl.cnf out; the umask keeps keys from others at all times
const PRELUDE = "umask 077; export OPENSSL_CONF=openssl.cnf";
const KEY = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -batch -config openssl.cnf";

function newCa(): string {
  return `${PRELUDE}
openssl req -x509 ${KEY} -days 3650 -subj /CN=tandem-ca -extensions ca -keyout ca.key -out ca.crt`;
}

function newServer(): string {
  return `${PRELUDE}\n${issue("apiserver", "/CN=kube-apiserver", "server")}`;
}

function newKubeletClient(): string {
  return issue("kubelet-client", "/O=system:masters/CN=kube-apiserver-kubelet-client", "client");
}

function issue(name: string, subject: string, extensions: string): string {
  return `openssl req -x509 -CA ca.crt -CAkey ca.key ${KEY} -days 3650 -subj ${subject} \
-extensions ${extensions} -keyout ${name}.key -out ${name}.crt`;
}
