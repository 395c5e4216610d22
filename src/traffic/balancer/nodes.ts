/** Which nodes take traffic: the rules of the AWS Load Balancer Controller (pkg/backend/endpoint_utils.go). */
import { familyOfText } from "../../ip/address.ts";
import { type Family, groupByFamily, mapFamilies } from "../../ip/family.ts";
import type { Node } from "../../objects/types.ts";
import type { BalancerNode } from "./model.ts";

const EXCLUDING_LABELS = [
  "node-role.kubernetes.io/master",
  "node.kubernetes.io/exclude-from-external-load-balancers",
  "alpha.service-controller.kubernetes.io/exclude-balancer",
];
const COMPUTE_TYPE = "eks.amazonaws.com/compute-type";

/**
 * The nodes that take traffic, sorted by name: no excluding label or taint, all the labels asked for, and Ready. Where no
 * node is Ready, those whose state is unknown take it, as a lost control plane must not cut off the cluster.
 */
export function selectNodes(
  nodes: readonly Node[],
  labels: Readonly<Record<string, string>> = {},
): BalancerNode[] {
  const suitable = nodes.filter((node) => isSuitable(node, labels));
  const ready = suitable.filter((node) => readiness(node) === "True");
  const chosen = ready.length > 0 ? ready : suitable.filter((node) => readiness(node) === "Unknown");
  return chosen.map(balancerNode).sort((a, b) => (a.name < b.name ? -1 : 1));
}

function isSuitable({ metadata, spec }: Node, wanted: Readonly<Record<string, string>>): boolean {
  const labels = metadata.labels ?? {};
  if (EXCLUDING_LABELS.some((label) => labels[label] !== undefined)) return false;
  if (labels[COMPUTE_TYPE] === "fargate") return false;
  if (Object.entries(wanted).some(([key, value]) => labels[key] !== value)) return false;
  return !(spec?.taints ?? []).some(
    ({ key, effect }) =>
      key === "ToBeDeletedByClusterAutoscaler" ||
      (key === "karpenter.sh/disrupted" && effect === "NoSchedule"),
  );
}

function readiness({ status }: Node): string | undefined {
  return status?.conditions?.find(({ type }) => type === "Ready")?.status;
}

function balancerNode({ metadata, spec, status }: Node): BalancerNode {
  const internal = (status?.addresses ?? [])
    .filter(({ type }) => type === "InternalIP")
    .flatMap(({ address }) => {
      const family = familyOfText(address);
      return family === undefined ? [] : [{ address, family: family as Family }];
    });
  const grouped = groupByFamily(internal, ({ family }) => family);
  return {
    name: metadata.name,
    providerId: spec?.providerID === "" ? undefined : spec?.providerID,
    addresses: mapFamilies(grouped, ([first]) => first?.address),
    zone: metadata.labels?.["topology.kubernetes.io/zone"],
  };
}
