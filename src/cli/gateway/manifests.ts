/** What a cluster needs to run the controller of Gateways by itself, as objects to apply. Pure. */
import type { AnyObject } from "../../objects/types.ts";
import { CONFIG_FOLDER, type ManifestSettings, ownServer, rule } from "../in-cluster.ts";
import { TANDEM_NAMESPACE, XDS_PORT } from "./places.ts";

const NAME = "tandem-gateway";

/** Everything but the definitions of kinds; see {@link ownServer}. */
export function gatewayManifests({ image, clusterDomain }: ManifestSettings): AnyObject[] {
  return ownServer({
    name: NAME,
    namespace: TANDEM_NAMESPACE,
    rules: RULES,
    ports: { "tls-xds": XDS_PORT },
    readyPort: XDS_PORT,
    image,
    args: [
      "gateway",
      `--kubeconfig=${CONFIG_FOLDER}/kubeconfig`,
      `--xds-advertise=${NAME}.${TANDEM_NAMESPACE}.svc.${clusterDomain}`,
      `--cluster-domain=${clusterDomain}`,
      `--lease-namespace=${TANDEM_NAMESPACE}`,
    ],
    memory: "160Mi",
  });
}

const WATCH = ["get", "list", "watch"];
const GATEWAY = "gateway.networking.k8s.io";
const ROUTES = ["httproutes", "grpcroutes", "tlsroutes", "tcproutes", "udproutes"];
const REPORTED = ["gatewayclasses", "gateways", "listenersets", ...ROUTES, "backendtlspolicies"];
const POLICIES = ["clienttrafficpolicies", "backendtrafficpolicies", "securitypolicies"];
const statusesOf = (kinds: readonly string[]) => kinds.map((kind) => `${kind}/status`);

/** What it reads, and what it writes: statuses, events, finalizers of classes, and what proxies are made of. */
const RULES = [
  rule([GATEWAY], [...REPORTED, "referencegrants"], WATCH),
  rule([GATEWAY], ["gatewayclasses", ...statusesOf(REPORTED)], ["patch"]),
  rule(["tandem.dev"], ["gatewayparameters", "backends", ...POLICIES, "meshpolicies"], WATCH),
  rule(["tandem.dev"], statusesOf(["gatewayparameters", "backends", ...POLICIES]), ["patch"]),
  rule(["gateway.envoyproxy.io"], ["envoyproxies"], WATCH),
  rule(["apiextensions.k8s.io"], ["customresourcedefinitions"], WATCH),
  rule([""], ["namespaces", "services", "secrets", "configmaps", "nodes", "serviceaccounts", "pods"], WATCH),
  rule([""], ["services", "secrets", "serviceaccounts"], ["create", "patch", "delete"]),
  rule([""], ["namespaces"], ["create"]),
  rule([""], ["events"], ["create", "patch"]),
  rule(["discovery.k8s.io"], ["endpointslices"], WATCH),
  rule(["apps"], ["deployments"], [...WATCH, "create", "patch", "delete"]),
];
