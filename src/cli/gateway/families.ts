import type { KubeClient } from "../../client/index.ts";
import { familyOfText } from "../../ip/address.ts";
import { type Family, FAMILIES } from "../../ip/family.ts";
import { KINDS } from "../../objects/kinds.ts";
import type { Node } from "../../objects/types.ts";

/**
 * The families that pods of a cluster have, the primary one first: those of the nodes' pod ranges, else of the nodes'
 * own addresses; both where no node says.
 */
export async function podFamilies(client: KubeClient): Promise<readonly Family[]> {
  const { items } = await client.list<Node>(KINDS.Node, { limit: 50 });
  const ranges = items.map(({ spec }) => spec.podCIDRs ?? []).find((list) => list.length > 0);
  const addresses = (items[0]?.status?.addresses ?? [])
    .filter(({ type }) => type === "InternalIP")
    .map(({ address }) => address);
  const texts = (ranges ?? addresses).map((text) => text.split("/")[0] ?? "");
  const families = [...new Set(texts.map(familyOfText))].filter((family) => family !== undefined);
  return families.length > 0 ? families : FAMILIES;
}
