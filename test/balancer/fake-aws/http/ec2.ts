/** The actions of EC2 that the fake answers over HTTP. */
import type { SecurityGroup, SecurityRule, Subnet } from "../../../../src/balancer/aws/model.ts";
import type { FakeAws } from "../fake.ts";
import { insist } from "../world.ts";
import type { Actions } from "./elb.ts";
import type { Answer, Params } from "./form.ts";

const tagSet = (tags: Readonly<Record<string, string>>) =>
  Object.entries(tags).map(([key, value]) => ({ key, value }));
const listing = (element: string, items: readonly Answer[]) => ({ listing: { element, items } });

/** The values of a filter; undefined where it was not asked for. */
function filter(params: Params, name: string): string[] | undefined {
  const found = params.many("Filter").find((it) => it.text("Name") === name);
  const values = found?.texts("Value");
  insist(values?.length !== 0, "InvalidParameterValue", `The filter '${name}' has no values`);
  return values;
}

function subnet(it: Subnet): Answer {
  const block = (ipv6CidrBlock: string, state: string) => ({ ipv6CidrBlock, ipv6CidrBlockState: { state } });
  return {
    subnetId: it.id,
    vpcId: it.vpcId,
    availabilityZone: it.availabilityZone,
    cidrBlock: it.ipv4Cidr,
    availableIpAddressCount: it.freeIpv4Addresses,
    // AWS lists a block for a while after it was taken away
    ipv6CidrBlockAssociationSet: [
      block("2a05:d018:dead::/64", "disassociated"),
      ...it.ipv6Cidrs.map((cidr) => block(cidr, "associated")),
    ],
    outpostArn: it.locale === "outpost" ? "arn:aws:outposts:eu-west-1:123456789012:outpost/op-1" : undefined,
    tagSet: tagSet(it.tags),
  };
}

/** A main table that leads nowhere, and one of the public subnets that leads to the internet. */
function routeTables(aws: FakeAws, vpcId: string): Answer[] {
  const subnets = [...aws.world.subnets.values()].filter((it) => it.vpcId === vpcId && it.public);
  const local = { destinationCidrBlock: "10.0.0.0/16", gatewayId: "local", state: "active" };
  const out = { destinationIpv6CidrBlock: "::/0", gatewayId: "igw-1", state: "active" };
  const gone = { destinationCidrBlock: "0.0.0.0/0", gatewayId: "igw-gone", state: "blackhole" };
  return [
    { routeTableId: "rtb-main", vpcId, associationSet: [{ main: true }], routeSet: [local, gone] },
    {
      routeTableId: "rtb-public",
      vpcId,
      associationSet: subnets.map((it) => ({ main: false, subnetId: it.id })),
      routeSet: [local, out],
    },
  ];
}

/** One permission holds the rules of one protocol and range of ports, as EC2 gives them. */
function permissions(rules: readonly SecurityRule[]): Answer[] {
  const groups = Object.values(Object.groupBy(rules, (it) => `${it.protocol} ${it.fromPort} ${it.toPort}`));
  return groups.map((group = []) => {
    const [first] = group;
    const of = <K extends "cidr" | "ipv6Cidr" | "prefixList" | "group">(key: K, element: string) =>
      group
        .filter((it) => it[key] !== undefined)
        .map((it) => ({ [element]: it[key], description: it.description }));
    return {
      ipProtocol: first?.protocol,
      fromPort: first?.protocol === "-1" ? undefined : first?.fromPort,
      toPort: first?.protocol === "-1" ? undefined : first?.toPort,
      ipRanges: of("cidr", "cidrIp"),
      ipv6Ranges: of("ipv6Cidr", "cidrIpv6"),
      prefixListIds: of("prefixList", "prefixListId"),
      groups: of("group", "groupId"),
    };
  });
}

function securityGroup(it: SecurityGroup): Answer {
  return {
    groupId: it.id,
    groupName: it.name,
    groupDescription: it.name,
    vpcId: it.vpcId,
    ipPermissions: permissions(it.inbound),
    tagSet: tagSet(it.tags),
  };
}

function rules(params: Params): SecurityRule[] {
  return params.many("IpPermissions").flatMap((it) => {
    const base = {
      protocol: it.text("IpProtocol") as SecurityRule["protocol"],
      fromPort: it.number("FromPort"),
      toPort: it.number("ToPort"),
    };
    const of = (list: string, element: string, key: string) =>
      it.many(list).map((from) => {
        const description = from.maybe("Description");
        return { ...base, [key]: from.text(element), ...(description === undefined ? {} : { description }) };
      });
    return [
      ...of("IpRanges", "CidrIp", "cidr"),
      ...of("Ipv6Ranges", "CidrIpv6", "ipv6Cidr"),
      ...of("PrefixListIds", "PrefixListId", "prefixList"),
      ...of("Groups", "GroupId", "group"),
    ];
  });
}

function instance(aws: FakeAws, id: string): Answer {
  const it = aws.world.instances.get(id);
  const groupSet = (it?.groups ?? []).map((groupId) => ({ groupId }));
  const interfaces = [
    {
      networkInterfaceId: "eni-2",
      attachment: { deviceIndex: 1 },
      groupSet: [{ groupId: "sg-of-another-interface" }],
    },
    { networkInterfaceId: "eni-1", attachment: { deviceIndex: 0 }, groupSet },
  ];
  return { instanceId: id, instanceState: { name: it?.state }, networkInterfaceSet: interfaces };
}

const NETWORK: Actions = {
  DescribeVpcs(aws, params) {
    const vpcs = (filter(params, "vpc-id") ?? []).flatMap((id) => {
      const vpc = aws.now.describeVpc(id);
      if (vpc === undefined) return [];
      const associated = { state: "associated" };
      return [
        {
          vpcId: id,
          cidrBlockAssociationSet: vpc.ipv4Cidrs.map((cidrBlock) => ({
            cidrBlock,
            cidrBlockState: associated,
          })),
          ipv6CidrBlockAssociationSet: vpc.ipv6Cidrs.map((it) => ({
            ipv6CidrBlock: it,
            ipv6CidrBlockState: associated,
          })),
        },
      ];
    });
    return listing("vpcSet", vpcs);
  },
  DescribeAvailabilityZones: (aws) => {
    const zones = new Map([...aws.world.subnets.values()].map((it) => [it.availabilityZone, it.locale]));
    return {
      availabilityZoneInfo: [...zones].map(([zoneName, kind]) => ({
        zoneName,
        zoneType: kind === "outpost" ? "availability-zone" : kind,
      })),
    };
  },
  DescribeRouteTables: (aws, params) =>
    listing(
      "routeTableSet",
      (filter(params, "vpc-id") ?? []).flatMap((id) => routeTables(aws, id)),
    ),
  DescribeSubnets: (aws, params) =>
    listing(
      "subnetSet",
      (filter(params, "vpc-id") ?? []).flatMap((id) => aws.now.describeSubnets(id)).map(subnet),
    ),
  DescribeInstances(aws, params) {
    const ids = (filter(params, "instance-id") ?? []).filter((id) => aws.world.instances.has(id));
    return listing(
      "reservationSet",
      ids.map((id) => ({ instancesSet: [instance(aws, id)] })),
    );
  },
};

const GROUPS: Actions = {
  DescribeSecurityGroups(aws, params) {
    const tags = params
      .many("Filter")
      .filter((it) => it.text("Name").startsWith("tag:"))
      .map((it) => [it.text("Name").slice("tag:".length), it.texts("Value")[0] ?? ""]);
    const ids = filter(params, "group-id");
    const found = (filter(params, "vpc-id") ?? []).flatMap((vpcId) =>
      aws.now.describeSecurityGroups({
        vpcId,
        ...(ids === undefined ? {} : { ids }),
        tags: Object.fromEntries(tags) as Record<string, string>,
      }),
    );
    return listing("securityGroupInfo", found.map(securityGroup));
  },
  CreateSecurityGroup(aws, params) {
    const tags = params.many("TagSpecification").find((it) => it.text("ResourceType") === "security-group");
    const groupId = aws.now.createSecurityGroup({
      name: params.text("GroupName"),
      description: params.text("GroupDescription"),
      vpcId: params.text("VpcId"),
      tags: tags?.pairs("Tag") ?? {},
    });
    return { groupId };
  },
  AuthorizeSecurityGroupIngress(aws, params) {
    aws.now.authorizeIngress(params.text("GroupId"), rules(params));
    return { return: true };
  },
  RevokeSecurityGroupIngress(aws, params) {
    aws.now.revokeIngress(params.text("GroupId"), rules(params));
    return { return: true };
  },
  DeleteSecurityGroup(aws, params) {
    aws.now.deleteSecurityGroup(params.text("GroupId"));
    return { return: true };
  },
  CreateTags(aws, params) {
    aws.now.tagResources(params.texts("ResourceId"), params.pairs("Tag"));
    return { return: true };
  },
  DeleteTags(aws, params) {
    aws.now.untagResources(
      params.texts("ResourceId"),
      params.many("Tag").map((it) => it.text("Key")),
    );
    return { return: true };
  },
};

/** The actions of EC2's query API. */
export const EC2_ACTIONS: Actions = { ...NETWORK, ...GROUPS };
