/** How a pod reaches the API server of its own cluster. */
const ACCOUNT_FOLDER = "/var/run/secrets/kubernetes.io/serviceaccount";

/** A kubeconfig, as text, that signs in by the pod's service account; Kubernetes renews the token in its file. */
export function inClusterKubeconfig(): string {
  return JSON.stringify({
    apiVersion: "v1",
    kind: "Config",
    clusters: [
      {
        name: "own",
        cluster: {
          server: "https://kubernetes.default.svc",
          "certificate-authority": `${ACCOUNT_FOLDER}/ca.crt`,
        },
      },
    ],
    users: [{ name: "own", user: { tokenFile: `${ACCOUNT_FOLDER}/token` } }],
    contexts: [{ name: "own", context: { cluster: "own", user: "own" } }],
    "current-context": "own",
  });
}
