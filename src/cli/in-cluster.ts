/** What the manifests of Tandem's own processes share: how a pod reaches its cluster, and what it may do on its node. */
import type { AnyObject } from "../objects/types.ts";

/** Where a pod of ours finds its kubeconfig, from a ConfigMap of its own name. */
export const CONFIG_FOLDER = "/etc/tandem";
const ACCOUNT_FOLDER = "/var/run/secrets/kubernetes.io/serviceaccount";

/** What the objects of one of our processes are called alike, and its pods are selected by. */
interface OwnMetadata {
  readonly name: string;
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** What differs from cluster to cluster for a process that serves proxies. */
export interface ManifestSettings {
  /** An image with `tandem` as its entrypoint, and the programs that the process calls. */
  readonly image: string;
  readonly clusterDomain: string;
}

/** Name, namespace, and the label that is Kubernetes' recommendation for an application's name. */
export function ownMetadata(name: string, namespace: string): OwnMetadata {
  return { name, namespace, labels: { "app.kubernetes.io/name": name } };
}

/** What differs between our processes that serve proxies. */
export interface OwnServer {
  readonly name: string;
  readonly namespace: string;
  /** What it may do in the whole cluster. */
  readonly rules: readonly Rule[];
  /** TCP ports of its Service, by their names. */
  readonly ports: Readonly<Record<string, number>>;
  /** Where a pod is asked whether it serves. */
  readonly readyPort: number;
  readonly image: string;
  readonly args: readonly string[];
  /** So much memory it asks for, as a quantity. */
  readonly memory: string;
}

/**
 * What runs a process that serves proxies: namespace, account, rights, a Service of both families where the cluster is,
 * and two replicas, of which both serve and one writes. The definitions of the kinds that it reads are apart.
 */
export function ownServer(of: OwnServer): AnyObject[] {
  const metadata = ownMetadata(of.name, of.namespace);
  const container = {
    image: of.image,
    args: of.args,
    ports: Object.values(of.ports).map((containerPort) => ({ containerPort })),
    readinessProbe: { tcpSocket: { port: of.readyPort }, periodSeconds: 2 },
    resources: { requests: { cpu: "50m", memory: of.memory } },
  };
  return [
    ...ownAccount(metadata, of.rules),
    ...rightsIn("", metadata, LEASE_RULES),
    ownConfig(metadata),
    ownService(metadata, of.ports),
    ...ownReplicas(metadata, container),
  ];
}

/** The namespace, the account of a process in there, and what it may do in the whole cluster. */
function ownAccount(metadata: OwnMetadata, rules: readonly Rule[]): AnyObject[] {
  return [
    { apiVersion: "v1", kind: "Namespace", metadata: { name: metadata.namespace } },
    { apiVersion: "v1", kind: "ServiceAccount", metadata },
    ...rightsIn("Cluster", metadata, rules),
  ];
}

/** Where a process finds its kubeconfig, in {@link CONFIG_FOLDER}. */
export function ownConfig(metadata: OwnMetadata): AnyObject {
  return { apiVersion: "v1", kind: "ConfigMap", metadata, data: { kubeconfig: inClusterKubeconfig() } };
}

/** A kubeconfig, as text, that signs in by the pod's service account; Kubernetes renews the token in its file. */
function inClusterKubeconfig(): string {
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

/** A container beside its name, rights and configuration. */
interface OwnContainer {
  readonly image: string;
  readonly args: readonly string[];
  readonly [field: string]: unknown;
}

/** What differs between the Deployments of our processes. */
interface OwnDeployment {
  readonly metadata: OwnMetadata;
  /** More of the pods' spec. */
  readonly pod?: object;
  readonly container: OwnContainer;
  /** More of what the container's rights are. */
  readonly security?: object;
}

/** A Deployment of two of our processes: no rights on the node, no root, its kubeconfig in {@link CONFIG_FOLDER}. */
export function ownDeployment(of: OwnDeployment): AnyObject {
  const { metadata } = of;
  const { name, labels } = metadata;
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
    spec: { replicas: 2, selector: { matchLabels: labels }, template: { metadata: { labels }, spec } },
  };
}

/** Two processes, on two nodes where there are two, of which one is there at any time while nodes are drained. */
function ownReplicas(metadata: OwnMetadata, container: OwnContainer): AnyObject[] {
  return [ownDeployment({ metadata, pod: overNodes(metadata), container }), disruptionBudget(metadata)];
}

/** A rule of a Role. */
interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
}

/** The rule that allows the verbs on the resources of the groups. */
export function rule(apiGroups: string[], resources: string[], verbs: string[]): Rule {
  return { apiGroups, resources, verbs };
}

/** Replicas elect a leader, and tell each other what proxies refuse. */
const LEASE_RULES = [
  rule(["coordination.k8s.io"], ["leases"], ["get", "list", "watch", "create", "update", "patch", "delete"]),
];

/** A Role of the account of the same name, in the whole cluster or in its namespace, and its binding. */
export function rightsIn(scope: "Cluster" | "", metadata: OwnMetadata, rules: readonly Rule[]): AnyObject[] {
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
function ownService(metadata: OwnMetadata, ports: Readonly<Record<string, number>>): AnyObject {
  const spec = {
    ipFamilyPolicy: "PreferDualStack",
    selector: metadata.labels,
    ports: Object.entries(ports).map(([name, port]) => ({ name, port, targetPort: port, protocol: "TCP" })),
  };
  return { apiVersion: "v1", kind: "Service", metadata, spec };
}

/** Of a pod's spec: replicas are on several nodes, where there are several. */
function overNodes({ labels }: OwnMetadata): object {
  const spread = {
    maxSkew: 1,
    topologyKey: "kubernetes.io/hostname",
    whenUnsatisfiable: "ScheduleAnyway",
    labelSelector: { matchLabels: labels },
  };
  return { topologySpreadConstraints: [spread] };
}

/** Nodes are drained one after the other. */
function disruptionBudget(metadata: OwnMetadata): AnyObject {
  const spec = { maxUnavailable: 1, selector: { matchLabels: metadata.labels } };
  return { apiVersion: "policy/v1", kind: "PodDisruptionBudget", metadata, spec };
}
