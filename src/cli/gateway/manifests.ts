/** What a cluster needs to run the controller of Gateways by itself, as objects to apply. Pure. */
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
import { TANDEM_NAMESPACE, XDS_PORT } from "./places.ts";

/** What differs from cluster to cluster. */
export interface ManifestSettings {
  /** An image with `tandem` as its entrypoint, and `openssl`. */
  readonly image: string;
  readonly clusterDomain: string;
}

const NAME = "tandem-gateway";
const LABELS = { "app.kubernetes.io/name": NAME };

/** Namespace, account, rights, Service of both families, and the Deployment; the definitions of kinds are apart. */
export function gatewayManifests(settings: ManifestSettings): AnyObject[] {
  const metadata = { name: NAME, namespace: TANDEM_NAMESPACE, labels: LABELS };
  return [
    { apiVersion: "v1", kind: "Namespace", metadata: { name: TANDEM_NAMESPACE } },
    { apiVersion: "v1", kind: "ServiceAccount", metadata },
    ...rightsIn("Cluster", metadata, RULES),
    ...rightsIn("", metadata, LEASE_RULES),
    { apiVersion: "v1", kind: "ConfigMap", metadata, data: { kubeconfig: inClusterKubeconfig() } },
    ownService(metadata, LABELS, { "tls-xds": XDS_PORT }),
    deployment(metadata, settings),
    disruptionBudget(metadata, LABELS),
  ];
}

const WATCH = ["get", "list", "watch"];
const GATEWAY = "gateway.networking.k8s.io";
const ROUTES = ["httproutes", "grpcroutes", "tlsroutes", "tcproutes", "udproutes"];
const REPORTED = ["gatewayclasses", "gateways", "listenersets", ...ROUTES, "backendtlspolicies"];
const POLICIES = ["clienttrafficpolicies", "backendtrafficpolicies", "securitypolicies"];
const statusesOf = (kinds: readonly string[]) => kinds.map((kind) => `${kind}/status`);

/** What it reads, and what it writes: statuses, finalizers of classes, and what proxies are made of. */
const RULES = [
  rule([GATEWAY], [...REPORTED, "referencegrants"], WATCH),
  rule([GATEWAY], ["gatewayclasses", ...statusesOf(REPORTED)], ["patch"]),
  rule(["tandem.dev"], ["gatewayparameters", "backends", ...POLICIES], WATCH),
  rule(["tandem.dev"], statusesOf(["gatewayparameters", "backends", ...POLICIES]), ["patch"]),
  rule(["gateway.envoyproxy.io"], ["envoyproxies"], WATCH),
  rule(["apiextensions.k8s.io"], ["customresourcedefinitions"], WATCH),
  rule([""], ["namespaces", "services", "secrets", "configmaps", "nodes", "serviceaccounts", "pods"], WATCH),
  rule([""], ["services", "secrets", "serviceaccounts"], ["create", "patch", "delete"]),
  rule([""], ["namespaces"], ["create"]),
  rule(["discovery.k8s.io"], ["endpointslices"], WATCH),
  rule(["apps"], ["deployments"], [...WATCH, "create", "patch", "delete"]),
];

/** Two processes, on two nodes where there are two: both serve proxies, and one of them writes. */
function deployment(metadata: AnyObject["metadata"], { image, clusterDomain }: ManifestSettings): AnyObject {
  const args = [
    "gateway",
    `--kubeconfig=${CONFIG_FOLDER}/kubeconfig`,
    `--xds-advertise=${NAME}.${TANDEM_NAMESPACE}.svc.${clusterDomain}`,
    `--cluster-domain=${clusterDomain}`,
    `--lease-namespace=${TANDEM_NAMESPACE}`,
  ];
  const container = {
    image,
    args,
    ports: [{ containerPort: XDS_PORT }],
    readinessProbe: { tcpSocket: { port: XDS_PORT }, periodSeconds: 2 },
    resources: { requests: { cpu: "50m", memory: "160Mi" } },
  };
  return ownDeployment({
    metadata,
    labels: LABELS,
    spec: { replicas: 2 },
    pod: overNodes(LABELS),
    container,
  });
}
