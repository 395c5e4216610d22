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

/** A rule of a Role. */
export const rule = (apiGroups: string[], resources: string[], verbs: string[]) => ({
  apiGroups,
  resources,
  verbs,
});

/** Replicas elect a leader, and tell each other what proxies refuse. */
export const LEASE_RULES = [
  rule(["coordination.k8s.io"], ["leases"], ["get", "list", "watch", "create", "update", "patch", "delete"]),
];

/** A Role of the account of the same name, in the whole cluster or in its namespace, and its binding. */
export function rightsIn(
  scope: "Cluster" | "",
  metadata: AnyObject["metadata"],
  rules: readonly ReturnType<typeof rule>[],
): AnyObject[] {
  const apiGroup = "rbac.authorization.k8s.io";
  const { namespace, ...anywhere } = metadata;
  const { name } = metadata;
  const own = scope === "Cluster" ? anywhere : metadata;
  const apiVersion = `${apiGroup}/v1`;
  const kind = `${scope}Role`;
  const subjects = [{ kind: "ServiceAccount", name, namespace }];
  return [
    { apiVersion, kind, metadata: own, rules },
    { apiVersion, kind: `${kind}Binding`, metadata: own, roleRef: { apiGroup, kind, name }, subjects },
  ];
}

/** A Service of both families where the cluster is, with TCP ports by their names. */
export function ownService(
  metadata: AnyObject["metadata"],
  selector: Readonly<Record<string, string>>,
  ports: Readonly<Record<string, number>>,
): AnyObject {
  const spec = {
    ipFamilyPolicy: "PreferDualStack",
    selector,
    ports: Object.entries(ports).map(([name, port]) => ({ name, port, targetPort: port, protocol: "TCP" })),
  };
  return { apiVersion: "v1", kind: "Service", metadata, spec };
}

/** Of a pod's spec: replicas are on several nodes, where there are several. */
export function overNodes(labels: Readonly<Record<string, string>>): object {
  const spread = {
    maxSkew: 1,
    topologyKey: "kubernetes.io/hostname",
    whenUnsatisfiable: "ScheduleAnyway",
    labelSelector: { matchLabels: labels },
  };
  return { topologySpreadConstraints: [spread] };
}

/** Nodes are drained one after the other. */
export function disruptionBudget(
  metadata: AnyObject["metadata"],
  labels: Readonly<Record<string, string>>,
): AnyObject {
  const spec = { maxUnavailable: 1, selector: { matchLabels: labels } };
  return { apiVersion: "policy/v1", kind: "PodDisruptionBudget", metadata, spec };
}
