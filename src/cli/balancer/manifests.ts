/** What a cluster on AWS needs to run the balancer by itself, as objects to apply. Pure. */
import { EXIT } from "../../errors/exit-codes.ts";
import { UserError } from "../../errors/user-error.ts";
import type { AnyObject } from "../../objects/types.ts";
import { CONFIG_FOLDER, ownConfig, ownDeployment, ownMetadata, rightsIn, rule } from "../in-cluster.ts";
import type { BalancerSettings } from "./flags.ts";

/** What differs beside the flags of the balancer itself. */
export interface ManifestSettings {
  /** An image with `tandem` as its entrypoint. */
  readonly image: string;
  /** The IAM role of the service account; undefined: credentials come otherwise (Pod Identity, the instance). */
  readonly roleArn?: string;
}

const NAME = "tandem-balancer";
/** Where the Lease is, too. */
const NAMESPACE = "kube-system";

/** Account, rights and the Deployment of two processes, of which one is elected. @throws UserError without --vpc-id or --region */
export function balancerManifests(
  settings: BalancerSettings,
  { image, roleArn }: ManifestSettings,
): AnyObject[] {
  const args = argsOf(settings);
  const metadata = ownMetadata(NAME, NAMESPACE);
  const annotations: Record<string, string> = {};
  if (roleArn !== undefined) annotations["eks.amazonaws.com/role-arn"] = roleArn;
  return [
    { apiVersion: "v1", kind: "ServiceAccount", metadata: { ...metadata, annotations } },
    ...rightsIn("Cluster", metadata, CLUSTER_RULES),
    ...rightsIn("", metadata, LEASE_RULES),
    ownConfig(metadata),
    // the second process goes on where the first one's node fails; load balancers serve without either
    ownDeployment({
      metadata,
      pod: { priorityClassName: "system-cluster-critical" },
      container: { image, args, resources: { requests: { cpu: "20m", memory: "160Mi" } } },
      security: { readOnlyRootFilesystem: true },
    }),
  ];
}

/** Services are written to for the finalizer, annotations of our own, and the status. */
const CLUSTER_RULES = [
  rule([""], ["services"], ["get", "list", "watch", "patch"]),
  rule([""], ["services/status"], ["patch"]),
  rule([""], ["nodes"], ["get", "list", "watch"]),
  rule(["discovery.k8s.io"], ["endpointslices"], ["get", "list", "watch"]),
  rule([""], ["events"], ["create", "patch"]),
  // the uid of kube-system, which tells this cluster from another one of its name
  rule([""], ["namespaces"], ["get"]),
];
const LEASE_RULES = [rule(["coordination.k8s.io"], ["leases"], ["get", "create", "update"])];

function argsOf(settings: BalancerSettings): string[] {
  const { region, vpcId, clusterName, loadBalancerClass, defaultScheme, defaultTargetType } = settings;
  const tags = Object.entries(settings.defaultTags).map(([key, value]) => `${key}=${value}`);
  const external = settings.externalManagedTags;
  return [
    "balancer",
    `--kubeconfig=${CONFIG_FOLDER}/kubeconfig`,
    "--provider=aws",
    `--region=${needed("--region", region)}`,
    `--vpc-id=${needed("--vpc-id", vpcId)}`,
    `--cluster-name=${clusterName}`,
    ...settings.formerClusterUids.map((uid) => `--former-cluster-uid=${uid}`),
    `--load-balancer-class=${loadBalancerClass}`,
    `--default-scheme=${defaultScheme}`,
    `--default-target-type=${defaultTargetType}`,
    `--replacement-grace=${settings.replacementGraceMs}ms`,
    ...(tags.length > 0 ? [`--default-tags=${tags.join(",")}`] : []),
    ...(external.length > 0 ? [`--external-managed-tags=${external.join(",")}`] : []),
    ...(settings.enableTcpUdpListener ? ["--enable-tcp-udp-listener"] : []),
    ...(settings.awsEndpoint === undefined ? [] : [`--aws-endpoint=${settings.awsEndpoint}`]),
  ];
}

function needed(flag: string, value: string | undefined): string {
  if (value !== undefined) return value;
  throw new UserError({
    what: "cannot print what runs the balancer",
    where: `flag ${flag}`,
    why: "it is missing, and the pod needs to be told",
    next: `give ${flag} as for the balancer itself`,
    exitCode: EXIT.usage,
  });
}
