import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { issueCertificate } from "../../pki/issue.ts";
import type { NodePlan } from "../plan.ts";

/** Files of a certificate that the cluster's CA signed for a node, and of that CA. */
export interface CertificateFiles {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

const DAYS = 3650;

/** Makes the serving certificate of a node's kubelet for its addresses, signed by the CA in the data folder. */
export async function issueKubeletCertificate(dataDir: string, node: NodePlan): Promise<CertificateFiles> {
  const file = (name: string): string => join(dataDir, "pki", name);
  const files = { ca: file("ca.crt"), cert: file(`${node.name}.crt`), key: file(`${node.name}.key`) };
  const [certificate, key] = await Promise.all(
    [files.ca, file("ca.key")].map((path) => readFile(path, "utf8")),
  );
  const made = await issueCertificate(
    { certificate: certificate!, key: key! },
    {
      commonName: `system:node:${node.name}`,
      organization: "system:nodes",
      subjectAltNames: [
        `DNS:${node.name}`,
        ...Object.values(node.addresses).map((address) => `IP:${address}`),
      ],
      usages: ["serverAuth"],
      days: DAYS,
    },
  );
  await writeFile(files.key, made.key, { mode: 0o600 });
  await writeFile(files.cert, made.certificate);
  return files;
}
