/** What the rules of a node depend on, from its Node object, the flags and what the kernel has. Pure. */
import { familyOfText } from "../../ip/address.ts";
import { FAMILIES, type Family, groupByFamily, mapFamilies, type PerFamily } from "../../ip/family.ts";
import type { NodeFacts } from "../../kernel/index.ts";
import type { Node } from "../../objects/types.ts";
import type { ProxySettings } from "./flags.ts";

/** Families that the kernel lacks, each with why. */
export type KernelGaps = PerFamily<string>;

const ZONE_LABEL = "topology.kubernetes.io/zone";

/**
 * The facts, and what is worth saying about them: which family is left out and why. A family needs the kernel, and a
 * sign of it on the Node: an address, or a pod range.
 */
export function factsOfNode(
  node: Node,
  settings: ProxySettings,
  gaps: KernelGaps,
  serviceRanges: readonly string[],
): { facts: NodeFacts; notes: string[] } {
  const addresses = nodeAddresses(node, settings.primaryAddress);
  const podCIDRs = rangesPerFamily(node.spec.podCIDRs ?? (node.spec.podCIDR ? [node.spec.podCIDR] : []));
  const missing = (family: Family) =>
    gaps[family] ??
    (addresses[family] || podCIDRs[family]
      ? undefined
      : `Node ${node.metadata.name} has no address of it in status.addresses, and no range in spec.podCIDRs`);
  const families = FAMILIES.filter((family) => missing(family) === undefined);
  const notes = FAMILIES.filter((family) => missing(family) !== undefined).map(
    (family) => `${family} is left out: ${missing(family)}`,
  );
  const podRanges = settings.clusterRanges ?? podCIDRs;
  for (const family of families) {
    if (podRanges[family] !== undefined) continue;
    notes.push(`${family} has no pod ranges: traffic to cluster IPs from outside is not masqueraded`);
  }
  const zone = node.metadata.labels?.[ZONE_LABEL];
  const nodePorts = nodePortAddressesOf(settings, addresses);
  const facts: NodeFacts = {
    nodeName: node.metadata.name,
    ...(zone && { zone }),
    families,
    addresses,
    podRanges,
    serviceRanges: rangesPerFamily(serviceRanges),
    ...(settings.masqueradeAll && { masqueradeAll: true }),
    ...(nodePorts && { nodePortAddresses: nodePorts }),
  };
  return { facts, notes };
}

/** Internal and external addresses, the primary one first. */
function nodeAddresses({ status }: Node, primary: string | undefined): PerFamily<string[]> {
  const own = (status?.addresses ?? [])
    .filter(({ type }) => type === "InternalIP" || type === "ExternalIP")
    .map(({ address }) => address);
  const all = [...new Set([...(primary ? [primary] : []), ...own])].filter((text) => familyOfText(text));
  return groupByFamily(all, (text) => familyOfText(text) as Family);
}

function nodePortAddressesOf(
  { nodePortAddresses }: ProxySettings,
  addresses: PerFamily<readonly string[]>,
): NodeFacts["nodePortAddresses"] {
  if (nodePortAddresses !== "primary") return nodePortAddresses;
  return mapFamilies(addresses, ([first], family) => [`${first}/${family === "IPv4" ? 32 : 128}`]);
}

function rangesPerFamily(ranges: readonly string[]): PerFamily<string[]> {
  return groupByFamily(ranges, (range) => familyOfText(range.split("/")[0] as string) ?? "IPv4");
}
