/** What the manifests of Tandem's own processes share: how a pod reaches its cluster, and what it may do on its node. */
import type { AnyObject } from "../objects/types.ts";

/** Where a pod of ours finds its kubeconfig, from a ConfigMap of its own name. */
export const CONFIG_FOLDER = "/etc/tandem";
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

/** What differs between the Deployments of our processes. */
export interface OwnDeployment {
  readonly metadata: AnyObject["metadata"];
  /** Of the pods, and what they are selected by. */
  readonly labels: Readonly<Record<string, string>>;
  /** Replicas and strategy. */
  readonly spec: object;
  /** More of the pods' spec. */
  readonly pod?: object;
  /** The container beside its name, rights and configuration. */
  readonly container: {
    readonly image: string;
    readonly args: readonly string[];
    readonly [field: string]: unknown;
  };
  /** More of what the container's rights are. */
  readonly security?: object;
}

/** A Deployment of one of our processes: no rights on the node, no root, its kubeconfig in {@link CONFIG_FOLDER}. */
export function ownDeployment(of: OwnDeployment): AnyObject {
  const { metadata, labels } = of;
  const { name } = metadata;
  const { image, args, ...container } = of.container;
  const securityContext = {
    allowPrivilegeEscalation: false,
    ...of.security,
    capabilities: { drop: ["ALL"] },
    runAsNonRoot: true,
    runAsUser: 65_532,
  };
  const volumeMounts = [{ name: "config", mountPath: CONFIG_FOLDER, readOnly: true }];
  const spec = {
    serviceAccountName: name,
    ...of.pod,
    containers: [{ name, image, args, ...container, securityContext, volumeMounts }],
    volumes: [{ name: "config", configMap: { name } }],
  };
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata,
    spec: { ...of.spec, selector: { matchLabels: labels }, template: { metadata: { labels }, spec } },
  };
}
