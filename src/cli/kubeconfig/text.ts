import { stringify } from "yaml";
import type { ClusterConfig } from "../../client/index.ts";

/** What a user's kubeconfig is made from. */
export interface KubeconfigParts {
  /** How the cluster is reached; its own credentials stay out. */
  readonly config: ClusterConfig;
  /** The cluster's name in the file. */
  readonly cluster: string;
  readonly user: string;
  readonly namespace: string;
  readonly token: string;
}

/** A kubeconfig of one cluster, one user and one context, in YAML. */
export function userKubeconfig({ config, cluster, user, namespace, token }: KubeconfigParts): string {
  const { server, ca, insecureSkipTlsVerify, tlsServerName } = config;
  const context = `${user}@${cluster}`;
  return stringify(
    {
      apiVersion: "v1",
      kind: "Config",
      clusters: [
        {
          name: cluster,
          cluster: {
            server,
            ...(ca === undefined ? {} : { "certificate-authority-data": Buffer.from(ca).toString("base64") }),
            ...(insecureSkipTlsVerify === true ? { "insecure-skip-tls-verify": true } : {}),
            ...(tlsServerName === undefined ? {} : { "tls-server-name": tlsServerName }),
          },
        },
      ],
      users: [{ name: user, user: { token } }],
      contexts: [{ name: context, context: { cluster, user, namespace } }],
      "current-context": context,
    },
    { lineWidth: 0 },
  );
}
