/** What a cluster needs to run the mesh's process by itself, as objects to apply. Pure. */
import { MESH_NAMESPACE } from "../../objects/mesh/index.ts";
import type { AnyObject } from "../../objects/types.ts";
import { CONFIG_FOLDER, type ManifestSettings, ownServer, rule } from "../in-cluster.ts";
import { ENVOY_IMAGE } from "./proxy.ts";
import { MESH_GRPC_PORT, MESH_XDS_PORT, WEBHOOK_PORT } from "./ports.ts";

const NAME = "tandem-mesh";
const HOST = `${NAME}.${MESH_NAMESPACE}.svc`;

/** What differs from cluster to cluster. */
export interface MeshManifestSettings extends ManifestSettings {
  /** The image of sidecars; default: Envoy's own. */
  readonly proxyImage?: string;
  /** See InjectionSettings. */
  readonly probeHopLimit?: number;
}

/** Everything but the definitions of kinds; see {@link ownServer}. */
export function meshManifests(settings: MeshManifestSettings): AnyObject[] {
  const { image, proxyImage = ENVOY_IMAGE, probeHopLimit, clusterDomain } = settings;
  return ownServer({
    name: NAME,
    namespace: MESH_NAMESPACE,
    rules: RULES,
    ports: { "tls-xds": MESH_XDS_PORT, "tls-webhook": WEBHOOK_PORT, "tcp-grpc-xds": MESH_GRPC_PORT },
    // pods that are to have a sidecar wait while no webhook answers
    readyPort: WEBHOOK_PORT,
    image,
    args: [
      "mesh",
      `--kubeconfig=${CONFIG_FOLDER}/kubeconfig`,
      `--advertise=${HOST}.${clusterDomain},${HOST}`,
      `--webhook-service=${MESH_NAMESPACE}/${NAME}`,
      `--init-image=${image}`,
      `--proxy-image=${proxyImage}`,
      ...(probeHopLimit === undefined ? [] : [`--probe-hop-limit=${probeHopLimit}`]),
      `--cluster-domain=${clusterDomain}`,
      `--lease-namespace=${MESH_NAMESPACE}`,
    ],
    memory: "128Mi",
  });
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
