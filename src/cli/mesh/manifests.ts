/** What a cluster needs to run the mesh's process by itself, as objects to apply. Pure. */
import { MESH_NAMESPACE } from "../../objects/mesh/index.ts";
import type { AnyObject } from "../../objects/types.ts";
import {
  CONFIG_FOLDER,
  disruptionBudget,
  inClusterKubeconfig,
  LEASE_RULES,
  overNodes,
  ownDeployment,
  ownService,
  rightsIn,
  rule,
} from "../in-cluster.ts";
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
    ...rightsIn("Cluster", metadata, RULES),
    { apiVersion: "v1", kind: "ConfigMap", metadata, data: { kubeconfig: inClusterKubeconfig() } },
    ...rightsIn("", metadata, LEASE_RULES),
    service(metadata),
    deployment(metadata, settings),
    disruptionBudget(metadata, LABELS),
  ];
}

const WATCH = ["get", "list", "watch"];

/** What it reads, and the little that it writes: certificates, its registration, statuses, events. */
const RULES = [
  rule([""], ["services", "pods", "nodes", "namespaces", "configmaps"], WATCH),
  rule([""], ["secrets"], [...WATCH, "create", "patch"]),
  rule([""], ["namespaces"], ["create"]),
  rule([""], ["events"], ["create", "patch"]),
  rule(["discovery.k8s.io"], ["endpointslices"], WATCH),
  rule(["apiextensions.k8s.io"], ["customresourcedefinitions"], WATCH),
  rule(
    ["gateway.networking.k8s.io"],
    ["httproutes", "grpcroutes", "referencegrants", "backendtlspolicies"],
    WATCH,
  ),
  rule(["gateway.networking.k8s.io"], ["httproutes/status", "grpcroutes/status"], ["patch", "update"]),
  rule(["tandem.dev"], ["meshpolicies", "authorizationpolicies", "backends"], WATCH),
  rule(["tandem.dev"], ["meshpolicies/status", "authorizationpolicies/status"], ["patch", "update"]),
  rule(["admissionregistration.k8s.io"], ["mutatingwebhookconfigurations"], ["get", "create", "patch"]),
];

/** Sidecars may be of either family, so that it is of both where the cluster is. */
function service(metadata: AnyObject["metadata"]): AnyObject {
  const ports = { "tls-xds": MESH_XDS_PORT, "tls-webhook": WEBHOOK_PORT, "tcp-grpc-xds": MESH_GRPC_PORT };
  return ownService(metadata, LABELS, ports);
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
  return ownDeployment({
    metadata,
    labels: LABELS,
    spec: { replicas: 2 },
    pod: overNodes(LABELS),
    container,
  });
}
