/** What a cluster needs to run the mesh's process by itself, as objects to apply. Pure. */
import { MESH_NAMESPACE } from "../../objects/mesh/index.ts";
import type { AnyObject } from "../../objects/types.ts";
import {
  CONFIG_FOLDER,
  LEASE_RULES,
  type ManifestSettings,
  type OwnContainer,
  ownAccount,
  ownConfig,
  ownMetadata,
  ownReplicas,
  ownService,
  rightsIn,
  rule,
} from "../in-cluster.ts";
import { ENVOY_IMAGE } from "./proxy.ts";
import { MESH_GRPC_PORT, MESH_XDS_PORT, WEBHOOK_PORT } from "./ports.ts";

const NAME = "tandem-mesh";
/** Sidecars may be of either family, so that the Service is of both where the cluster is. */
const PORTS = { "tls-xds": MESH_XDS_PORT, "tls-webhook": WEBHOOK_PORT, "tcp-grpc-xds": MESH_GRPC_PORT };

/** What differs from cluster to cluster. */
export interface MeshManifestSettings extends ManifestSettings {
  /** The image of sidecars; default: Envoy's own. */
  readonly proxyImage?: string;
}

/** Namespace, account, rights, Service of both families, and the Deployment; the definitions of kinds are apart. */
export function meshManifests(settings: MeshManifestSettings): AnyObject[] {
  const metadata = ownMetadata(NAME, MESH_NAMESPACE);
  return [
    ...ownAccount(metadata, RULES),
    ownConfig(metadata),
    ...rightsIn("", metadata, LEASE_RULES),
    ownService(metadata, PORTS),
    ...ownReplicas(metadata, container(settings)),
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

/** Pods that are to have a sidecar wait while none of the processes answers. */
function container({ image, proxyImage = ENVOY_IMAGE, clusterDomain }: MeshManifestSettings): OwnContainer {
  const host = `${NAME}.${MESH_NAMESPACE}.svc`;
  const args = [
    "mesh",
    `--kubeconfig=${CONFIG_FOLDER}/kubeconfig`,
    `--advertise=${host}.${clusterDomain},${host}`,
    `--webhook-service=${MESH_NAMESPACE}/${NAME}`,
    `--init-image=${image}`,
    `--proxy-image=${proxyImage}`,
    `--cluster-domain=${clusterDomain}`,
    `--lease-namespace=${MESH_NAMESPACE}`,
  ];
  return {
    image,
    args,
    ports: Object.values(PORTS).map((containerPort) => ({ containerPort })),
    readinessProbe: { tcpSocket: { port: WEBHOOK_PORT }, periodSeconds: 2 },
    resources: { requests: { cpu: "50m", memory: "128Mi" } },
  };
}
