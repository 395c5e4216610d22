import { X509Certificate } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, readFileSync } from "node:fs";
import { isIP } from "node:net";
import { join } from "node:path";
import { type CertificateRequest, createAuthority, issueCertificate, type KeyPair } from "../../pki/issue.ts";
import { writePrivateFile } from "./kubeconfig.ts";

/** The PEM texts that the server works with. */
export interface Pki {
  readonly ca: string;
  readonly serverCert: string;
  readonly serverKey: string;
  readonly kubeletClientCert: string;
  readonly kubeletClientKey: string;
}

const DAYS = 3650;
const MIN_DAYS_LEFT = 30;
const FILES = ["ca", "apiserver", "kubelet-client"].flatMap((name) => [`${name}.crt`, `${name}.key`]);

/**
 * The cluster's PKI in a directory: a CA, the server's certificate for the given names and addresses, and the client
 * certificate for kubelets. What is there is kept; the server's is made anew when it lacks a name or is about to expire.
 */
export async function ensurePki(directory: string, sans: readonly string[]): Promise<Pki> {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const complete = FILES.every((name) => existsSync(join(directory, name)));
  if (!complete) await createAll(directory, sans);
  else if (!isUsable(directory, sans))
    writePair(directory, "apiserver", await issueCertificate(readPair(directory, "ca"), server(sans)));
  const own = readPair(directory, "apiserver");
  const kubeletClient = readPair(directory, "kubelet-client");
  return {
    ca: readPair(directory, "ca").certificate,
    serverCert: own.certificate,
    serverKey: own.key,
    kubeletClientCert: kubeletClient.certificate,
    kubeletClientKey: kubeletClient.key,
  };
}

async function createAll(directory: string, sans: readonly string[]): Promise<void> {
  const ca = await createAuthority("tandem-ca");
  writePair(directory, "ca", ca);
  writePair(directory, "apiserver", await issueCertificate(ca, server(sans)));
  writePair(directory, "kubelet-client", await issueCertificate(ca, KUBELET_CLIENT));
}

function readPair(directory: string, name: string): KeyPair {
  const read = (ending: string): string => readFileSync(join(directory, `${name}.${ending}`), "utf8");
  return { certificate: read("crt"), key: read("key") };
}

/** The certificate comes last: while the old one is there, which is not good enough, the next start begins anew. */
function writePair(directory: string, name: string, { certificate, key }: KeyPair): void {
  writePrivateFile(join(directory, `${name}.key`), key);
  writePrivateFile(join(directory, `${name}.crt`), certificate);
  chmodSync(join(directory, `${name}.crt`), 0o644);
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

function server(sans: readonly string[]): CertificateRequest {
  const subjectAltNames = sans.map((name) => (isIP(name) ? `IP:${name}` : `DNS:${name}`));
  return { commonName: "kube-apiserver", subjectAltNames, usages: ["serverAuth"], days: DAYS };
}

const KUBELET_CLIENT: CertificateRequest = {
  commonName: "kube-apiserver-kubelet-client",
  organization: "system:masters",
  subjectAltNames: [],
  usages: ["clientAuth"],
  days: DAYS,
};
