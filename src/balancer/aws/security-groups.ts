/** Security groups of a load balancer (pkg/service/model_build_managed_sg.go, security_group_resolver.go). */
import type { BalancerModel, BalancerPort } from "../../traffic/balancer/model.ts";
import type { DesiredSecurityGroup, DesiredStack, SecurityRule, Surroundings, Tags } from "./model.ts";
import { securityGroupName } from "./names.ts";
import { refuse } from "./refusal.ts";

/** What a stack says of security groups. */
export interface SecurityGroups {
  readonly named: readonly string[] | undefined;
  readonly own: DesiredSecurityGroup | undefined;
  readonly manageBackendRules: DesiredStack["manageBackendRules"];
}

/**
 * None where the Service wants none; the groups that it names; else one of our own, and the cluster's shared one that
 * nodes let in. A load balancer made without groups never gets any: that is a replacement, for plan.ts to see.
 */
export function securityGroupsOf(
  model: BalancerModel,
  surroundings: Surroundings,
  tagsOf: (resource: string) => Tags,
): SecurityGroups {
  const { aws } = model;
  if (aws.disableSecurityGroups) return { named: undefined, own: undefined, manageBackendRules: false };
  if (aws.securityGroups.length > 0)
    return {
      named: findGroups(aws.securityGroups, surroundings),
      own: undefined,
      manageBackendRules: aws.manageBackendSecurityGroupRules ?? false,
    };
  const own: DesiredSecurityGroup = {
    name: securityGroupName(model, surroundings.clusterName, model.uid),
    description: `Clients of the load balancer of Service ${model.key}`.slice(0, 255),
    vpcId: surroundings.vpcId,
    inbound: inboundRules(model),
    tags: tagsOf("ManagedLBSecurityGroup"),
  };
  return { named: [], own, manageBackendRules: true };
}

function findGroups(named: readonly string[], { securityGroups, vpcId }: Surroundings): string[] {
  const ids = named.filter((it) => it.startsWith("sg-"));
  const names = [...new Set(named.filter((it) => !it.startsWith("sg-")))];
  const ofVpc = securityGroups.filter((group) => group.vpcId === vpcId);
  const found = ids.filter((id) => ofVpc.some((group) => group.id === id));
  const byName = ofVpc.filter(({ tags }) => names.includes(tags["Name"] ?? ""));
  const foundNames = new Set(byName.map(({ tags }) => tags["Name"] as string));
  const errors: string[] = [];
  if (found.length < ids.length)
    errors.push(`requested ids [${ids.join(", ")}] but found [${found.join(", ")}]`);
  if (foundNames.size < names.length)
    errors.push(`requested names [${names.join(", ")}] but found [${[...foundNames].join(", ")}]`);
  if (errors.length > 0)
    throw refuse(
      "securityGroups",
      `couldn't find all security groups: ${errors.join(", ")}`,
      `name groups of ${vpcId} by their ids or their tag Name`,
    );
  return [...new Set([...found, ...byName.map(({ id }) => id)])];
}

/** What path MTU discovery needs, ports being type and code: fragmentation needed, and packet too big. */
const ICMP = {
  IPv4: { protocol: "icmp", fromPort: 3, toPort: 4 },
  IPv6: { protocol: "icmpv6", fromPort: 2, toPort: 0 },
} as const;

/** Clients of the source ranges may reach the listeners; where none are given all may, of the balancer's families. */
function inboundRules(model: BalancerModel): SecurityRule[] {
  const cidrs = sourcesOf(model);
  const icmp = model.aws.icmpForPathMtuDiscovery && model.ports.length > 0;
  const rules = model.ports.flatMap((port) =>
    protocolsOf(port).flatMap((protocol): SecurityRule[] => {
      const base = { protocol, fromPort: port.port, toPort: port.port };
      return [
        ...cidrs.map((cidr) => ({ ...base, ...source(cidr) })),
        ...(model.aws.securityGroupPrefixLists ?? []).map((prefixList) => ({ ...base, prefixList })),
      ];
    }),
  );
  const mtu = cidrs.map((cidr) => ({ ...ICMP[cidr.includes(":") ? "IPv6" : "IPv4"], ...source(cidr) }));
  return [...rules, ...(icmp ? mtu : [])];
}

function sourcesOf({ sourceRanges, aws }: BalancerModel): readonly string[] {
  if (sourceRanges.length > 0) return [...new Set(sourceRanges)];
  // also an empty list of them: whoever writes one does not mean that all may come
  if (aws.securityGroupPrefixLists !== undefined) return [];
  return aws.ipAddressType === "dualstack" ? ["0.0.0.0/0", "::/0"] : ["0.0.0.0/0"];
}

function source(cidr: string): { cidr: string } | { ipv6Cidr: string } {
  return cidr.includes(":") ? { ipv6Cidr: cidr } : { cidr };
}

function protocolsOf({ protocol }: BalancerPort): ("tcp" | "udp")[] {
  if (protocol === "TCP_UDP") return ["tcp", "udp"];
  return [protocol === "UDP" ? "udp" : "tcp"];
}
