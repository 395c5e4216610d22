import { chmodSync } from "node:fs";
import { join } from "node:path";
import type { NodePlan } from "../plan.ts";
import { run } from "../run.ts";

/** Files of a certificate that the cluster's CA signed for a node, and of that CA. */
export interface CertificateFiles {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

/** Makes the serving certificate of a node's kubelet for its addresses, signed by the CA in the data folder. */
export async function issueKubeletCertificate(dataDir: string, node: NodePlan): Promise<CertificateFiles> {
  const pki = join(dataDir, "pki");
  const files = {
    ca: join(pki, "ca.crt"),
    cert: join(pki, `${node.name}.crt`),
    key: join(pki, `${node.name}.key`),
  };
  const names = [`DNS:${node.name}`, ...Object.values(node.addresses).map((address) => `IP:${address}`)];
  await run([
    "openssl",
    "req",
    "-x509",
    "-CA",
    files.ca,
    "-CAkey",
    join(pki, "ca.key"),
    "-days",
    "3650",
    "-newkey",
    "ec",
    "-pkeyopt",
    "ec_paramgen_curve:prime256v1",
    "-nodes",
    "-batch",
    "-subj",
    `/O=system:nodes/CN=system:node:${node.name}`,
    "-addext",
    `subjectAltName=${names.join(",")}`,
    "-addext",
    "extendedKeyUsage=serverAuth",
    "-keyout",
    files.key,
    "-out",
    files.cert,
  ]);
  chmodSync(files.key, 0o600);
  return files;
}
