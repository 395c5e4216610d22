/** The cluster's shared security group, and the groups of the nodes that let its traffic in. */
import type { DesiredStack, SecurityGroup } from "./model.ts";
import { TAG, type Tags } from "./model.ts";
import type { Inventory } from "./current.ts";
import { isOfName, type Place } from "./listing.ts";
import { backendGroupName } from "./names.ts";
import type { Backend } from "./plan/node-rules.ts";

/** The tag TAG.resource of the shared group, as the AWS Load Balancer Controller has it. */
export const BACKEND_RESOURCE = "backend-sg";

/** The shared group among these, if it exists; its name has no uid in it, and so it is that of the cluster's name. */
export function backendGroupOf(
  groups: readonly SecurityGroup[],
  clusterName: string,
): SecurityGroup | undefined {
  return groups.find(({ tags }) => isOfName(tags, clusterName) && tags[TAG.resource] === BACKEND_RESOURCE);
}

function backendTags(clusterName: string): Tags {
  return { [TAG.cluster]: clusterName, [TAG.resource]: BACKEND_RESOURCE, [TAG.owner]: "tandem" };
}

/** The shared group with the nodes' groups that need rules; or why there is no telling which these are. */
export async function backendOf(
  { manageBackendRules, targetGroups }: DesiredStack,
  nodes: readonly { readonly providerId: string | undefined }[],
  groups: readonly SecurityGroup[],
  { inventory, place }: { inventory: Inventory; place: Place },
): Promise<Backend | { readonly refused: string } | undefined> {
  if (!manageBackendRules) return undefined;
  const targets = targetGroups.flatMap((group) => group.targets.map(({ id }) => id));
  const named = nodes.map(({ providerId }) => providerId?.split("/").at(-1) ?? "");
  const instances = new Set([...targets, ...named].filter((id) => id.startsWith("i-")));
  const groupsOf = await inventory.groupsOf([...instances].toSorted());
  const byId = new Map(groups.map((group) => [group.id, group]));
  const nodeGroups = new Map<string, SecurityGroup>();
  for (const [instance, ids] of groupsOf) {
    const chosen = chooseGroup(ids, byId, place.clusterName);
    if ("refused" in chosen) return { refused: `${chosen.refused} for instance ${instance}` };
    nodeGroups.set(chosen.id, chosen);
  }
  const { clusterName, vpcId } = place;
  return {
    name: backendGroupName(clusterName, vpcId),
    vpcId,
    tags: backendTags(clusterName),
    group: backendGroupOf(groups, clusterName),
    nodeGroups: [...nodeGroups.values()].toSorted((a, b) => (a.id < b.id ? -1 : 1)),
  };
}

/** A node's only group, else the one that is tagged as the cluster's (the AWS Load Balancer Controller's rule). */
function chooseGroup(
  ids: readonly string[],
  byId: ReadonlyMap<string, SecurityGroup>,
  clusterName: string,
): SecurityGroup | { readonly refused: string } {
  const tag = `kubernetes.io/cluster/${clusterName}`;
  const known = ids.map((id) => byId.get(id)).filter((group) => group !== undefined);
  const fitting = known.length === 1 ? known : known.filter(({ tags }) => tags[tag] !== undefined);
  const [only] = fitting;
  if (fitting.length === 1 && only !== undefined) return only;
  const got = fitting.map(({ id }) => id).join(" ");
  return { refused: `expected exactly one securityGroup tagged with ${tag}, got: [${got}]` };
}
