import { chmodSync, closeSync, openSync, renameSync, writeSync } from "node:fs";

/** A kubeconfig of one cluster, user and context, all named `tandem`, in YAML. */
export function kubeconfigText(server: string, ca: string, token: string): string {
  return `apiVersion: v1
kind: Config
clusters:
- name: tandem
  cluster:
    server: ${server}
    certificate-authority-data: ${Buffer.from(ca).toString("base64")}
users:
- name: tandem
  user:
    token: ${token}
contexts:
- name: tandem
  context:
    cluster: tandem
    user: tandem
current-context: tandem
`;
}

/** Writes a file that only this user may read, whole or not at all. */
export function writePrivateFile(path: string, text: string): void {
  const file = openSync(`${path}.new`, "w", 0o600);
  writeSync(file, text);
  closeSync(file);
  chmodSync(`${path}.new`, 0o600);
  renameSync(`${path}.new`, path);
}
