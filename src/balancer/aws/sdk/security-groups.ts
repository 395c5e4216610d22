/** Security groups through the SDK: one rule of ours is one source of one permission of EC2. */
import type { IpPermission, SecurityGroup as SdkSecurityGroup } from "@aws-sdk/client-ec2";
import type { AwsApi } from "../api.ts";
import type { SecurityGroup, SecurityRule } from "../model.ts";
import type { Ec2 } from "./how.ts";
import { allOf, tagList, tagRecord } from "./how.ts";

const PROTOCOLS: readonly string[] = [
  "tcp",
  "udp",
  "icmp",
  "icmpv6",
  "-1",
] satisfies SecurityRule["protocol"][];

function described(description: string | undefined): { description?: string } {
  return description === undefined || description === "" ? {} : { description };
}

/** The rules of one permission; those of protocols that no rule of ours has (ESP, …) are left out. */
function rulesOf(it: IpPermission): SecurityRule[] {
  if (!PROTOCOLS.includes(it.IpProtocol ?? "")) return [];
  const base = {
    protocol: it.IpProtocol as SecurityRule["protocol"],
    fromPort: it.FromPort ?? -1,
    toPort: it.ToPort ?? -1,
  };
  return [
    ...(it.IpRanges ?? []).map((from) => ({ ...base, cidr: from.CidrIp, ...described(from.Description) })),
    ...(it.Ipv6Ranges ?? []).map((from) => ({
      ...base,
      ipv6Cidr: from.CidrIpv6,
      ...described(from.Description),
    })),
    ...(it.PrefixListIds ?? []).map((from) => ({
      ...base,
      prefixList: from.PrefixListId,
      ...described(from.Description),
    })),
    ...(it.UserIdGroupPairs ?? []).map((from) => ({
      ...base,
      group: from.GroupId,
      ...described(from.Description),
    })),
  ];
}

function groupOf(it: SdkSecurityGroup): SecurityGroup {
  return {
    id: it.GroupId ?? "",
    name: it.GroupName ?? "",
    vpcId: it.VpcId ?? "",
    inbound: (it.IpPermissions ?? []).flatMap(rulesOf),
    tags: tagRecord(it.Tags),
  };
}

function permissionOf(rule: SecurityRule): IpPermission {
  const Description = rule.description;
  const ports = rule.protocol === "-1" ? {} : { FromPort: rule.fromPort, ToPort: rule.toPort };
  return {
    IpProtocol: rule.protocol,
    ...ports,
    IpRanges: rule.cidr === undefined ? undefined : [{ CidrIp: rule.cidr, Description }],
    Ipv6Ranges: rule.ipv6Cidr === undefined ? undefined : [{ CidrIpv6: rule.ipv6Cidr, Description }],
    PrefixListIds:
      rule.prefixList === undefined ? undefined : [{ PrefixListId: rule.prefixList, Description }],
    UserIdGroupPairs: rule.group === undefined ? undefined : [{ GroupId: rule.group, Description }],
  };
}

function filtersOf(by: Parameters<AwsApi["describeSecurityGroups"]>[0]) {
  return [
    { Name: "vpc-id", Values: [by.vpcId] },
    ...(by.ids === undefined ? [] : [{ Name: "group-id", Values: [...by.ids] }]),
    ...Object.entries(by.tags ?? {}).map(([key, value]) => ({ Name: `tag:${key}`, Values: [value] })),
  ];
}

type GroupCalls = Pick<
  AwsApi,
  | "describeSecurityGroups"
  | "createSecurityGroup"
  | "authorizeIngress"
  | "revokeIngress"
  | "deleteSecurityGroup"
  | "tagResources"
  | "untagResources"
>;

/** The part of the API that is about security groups, and about tags of EC2. */
export function groupCalls({ sdk, client, how }: Ec2): GroupCalls {
  return {
    async describeSecurityGroups(by) {
      if (by.ids?.length === 0) return [];
      // by filter: groups that do not exist are left out, where asking by id would fail for all
      const pages = sdk.paginateDescribeSecurityGroups({ client }, { Filters: filtersOf(by) }, how);
      return (await allOf(pages, (page) => page.SecurityGroups)).map(groupOf);
    },
    async createSecurityGroup(spec) {
      const tags = { ResourceType: "security-group" as const, Tags: tagList(spec.tags) };
      const input = { GroupName: spec.name, Description: spec.description, VpcId: spec.vpcId };
      const made = await client.createSecurityGroup(
        { ...input, TagSpecifications: tags.Tags.length === 0 ? undefined : [tags] },
        how,
      );
      return made.GroupId ?? "";
    },
    async authorizeIngress(group, rules) {
      const IpPermissions = rules.map(permissionOf);
      await client.authorizeSecurityGroupIngress({ GroupId: group, IpPermissions }, how);
    },
    async revokeIngress(group, rules) {
      const IpPermissions = rules.map(permissionOf);
      await client.revokeSecurityGroupIngress({ GroupId: group, IpPermissions }, how);
    },
    async deleteSecurityGroup(id) {
      await client.deleteSecurityGroup({ GroupId: id }, how);
    },
    async tagResources(ids, tags) {
      await client.createTags({ Resources: [...ids], Tags: tagList(tags) }, how);
    },
    async untagResources(ids, keys) {
      await client.deleteTags({ Resources: [...ids], Tags: keys.map((key) => ({ Key: key })) }, how);
    },
  };
}
