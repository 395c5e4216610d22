/** What a cluster needs to run the mesh's process by itself, as objects to apply. Pure. */
import { MESH_NAMESPACE } from "../../objects/mesh/index.ts";
import type { AnyObject } from "../../objects/types.ts";
import { CONFIG_FOLDER, inClusterKubeconfig, ownDeployment } from "../in-cluster.ts";
import { MESH_GRPC_PORT, MESH_XDS_PORT, WEBHOOK_PORT } from "./ports.ts";

/** What differs from cluster to cluster. */
export interface ManifestSettings {
  /** An image with `tandem` as its entrypoint, `nft`, `ip` and `openssl`. */
  readonly image: string;
  readonly clusterDomain: string;
}

const NAME = "tandem-mesh";
const LABELS = { "app.kubernetes.io/name": NAME };

/** Namespace, account, rights, Service of both families, and the Deployment; the definitions of kinds are apart. */
export function meshManifests(settings: ManifestSettings): AnyObject[] {
  const metadata = { name: NAME, namespace: MESH_NAMESPACE, labels: LABELS };
  return [
    { apiVersion: "v1", kind: "Namespace", metadata: { name: MESH_NAMESPACE } },
    { apiVersion: "v1", kind: "ServiceAccount", metadata },
    clusterRole(),
    {
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "ClusterRoleBinding",
      metadata: { name: NAME, labels: LABELS },
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: NAME },
      subjects: [{ kind: "ServiceAccount", name: NAME, namespace: MESH_NAMESPACE }],
    },
    { apiVersion: "v1", kind: "ConfigMap", metadata, data: { kubeconfig: inClusterKubeconfig() } },
    ...leaseRights(metadata),
    service(metadata),
    deployment(metadata, settings),
    disruptionBudget(metadata),
  ];
}

/** What it reads, and the little that it writes: certificates, its registration, statuses, events. */
function clusterRole(): AnyObject {
  const watch = ["get", "list", "watch"];
  const rule = (apiGroups: string[], resources: string[], verbs: string[]) => ({
    apiGroups,
    resources,
    verbs,
  });
  return {
    apiVersion: "rbac.authorization.k8s.io/v1",
    kind: "ClusterRole",
    metadata: { name: NAME, labels: LABELS },
    rules: [
      rule([""], ["services", "pods", "nodes", "namespaces", "configmaps"], watch),
      rule([""], ["secrets"], [...watch, "create", "patch"]),
      rule([""], ["namespaces"], ["create"]),
      rule([""], ["events"], ["create", "patch"]),
      rule(["discovery.k8s.io"], ["endpointslices"], watch),
      rule(["apiextensions.k8s.io"], ["customresourcedefinitions"], watch),
      rule(
        ["gateway.networking.k8s.io"],
        ["httproutes", "grpcroutes", "referencegrants", "backendtlspolicies"],
        watch,
      ),
      rule(["gateway.networking.k8s.io"], ["httproutes/status", "grpcroutes/status"], ["patch", "update"]),
      rule(["tandem.dev"], ["meshpolicies", "authorizationpolicies", "backends"], watch),
      rule(["tandem.dev"], ["meshpolicies/status", "authorizationpolicies/status"], ["patch", "update"]),
      rule(["admissionregistration.k8s.io"], ["mutatingwebhookconfigurations"], ["get", "create", "patch"]),
    ],
  };
}

/** Replicas elect a leader, and tell each other what sidecars refuse. */
function leaseRights(metadata: AnyObject["metadata"]): AnyObject[] {
  const verbs = ["get", "list", "watch", "create", "update", "patch", "delete"];
  const apiGroup = "rbac.authorization.k8s.io";
  return [
    {
      apiVersion: `${apiGroup}/v1`,
      kind: "Role",
      metadata,
      rules: [{ apiGroups: ["coordination.k8s.io"], resources: ["leases"], verbs }],
    },
    {
      apiVersion: `${apiGroup}/v1`,
      kind: "RoleBinding",
      metadata,
      roleRef: { apiGroup, kind: "Role", name: NAME },
      subjects: [{ kind: "ServiceAccount", name: NAME, namespace: MESH_NAMESPACE }],
    },
  ];
}

/** Sidecars may be of either family, so that it is of both where the cluster is. */
function service(metadata: AnyObject["metadata"]): AnyObject {
  const port = (name: string, number: number) => ({
    name,
    port: number,
    targetPort: number,
    protocol: "TCP",
  });
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata,
    spec: {
      ipFamilyPolicy: "PreferDualStack",
      selector: LABELS,
      ports: [
        port("tls-xds", MESH_XDS_PORT),
        port("tls-webhook", WEBHOOK_PORT),
        port("tcp-grpc-xds", MESH_GRPC_PORT),
      ],
    },
  };
}

/** Two processes, on two nodes where there are two: pods that are to have a sidecar wait while nobody answers. */
function deployment(metadata: AnyObject["metadata"], { image, clusterDomain }: ManifestSettings): AnyObject {
  const host = `${NAME}.${MESH_NAMESPACE}.svc`;
  const args = [
    "mesh",
    `--kubeconfig=${CONFIG_FOLDER}/kubeconfig`,
    `--advertise=${host}.${clusterDomain},${host}`,
    `--webhook-service=${MESH_NAMESPACE}/${NAME}`,
    `--init-image=${image}`,
    `--cluster-domain=${clusterDomain}`,
    `--lease-namespace=${MESH_NAMESPACE}`,
  ];
  const container = {
    image,
    args,
    ports: [MESH_XDS_PORT, WEBHOOK_PORT, MESH_GRPC_PORT].map((containerPort) => ({ containerPort })),
    readinessProbe: { tcpSocket: { port: WEBHOOK_PORT }, periodSeconds: 2 },
    resources: { requests: { cpu: "50m", memory: "128Mi" } },
  };
  const pod = {
    topologySpreadConstraints: [
      {
        maxSkew: 1,
        topologyKey: "kubernetes.io/hostname",
        whenUnsatisfiable: "ScheduleAnyway",
        labelSelector: { matchLabels: LABELS },
      },
    ],
  };
  return ownDeployment({ metadata, labels: LABELS, spec: { replicas: 2 }, pod, container });
}

/** Nodes are drained one after the other. */
function disruptionBudget(metadata: AnyObject["metadata"]): AnyObject {
  const spec = { maxUnavailable: 1, selector: { matchLabels: LABELS } };
  return { apiVersion: "policy/v1", kind: "PodDisruptionBudget", metadata, spec };
}
