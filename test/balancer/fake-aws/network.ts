/** The fake's EC2: what is described of VPCs, subnets and instances; security groups with their rules. */
import type { SecurityGroup, SecurityRule } from "../../../src/balancer/aws/model.ts";
import { formatCidr, parseCidr } from "../../../src/ip/cidr.ts";
import type { Calls, FakeGroup, World } from "./world.ts";
import { nextId, Refusal, insist } from "./world.ts";

const CHARACTERS = /^[a-zA-Z0-9 ._\-:/()#,@[\]+=&;{}!$*]*$/;

function groupOf(world: World, id: string): FakeGroup {
  const found = world.groups.get(id);
  insist(
    found && found.visibleAt <= world.now(),
    "InvalidGroup.NotFound",
    `The security group '${id}' does not exist`,
  );
  return found;
}

/** A rule as EC2 stores it: networks without host bits, "any protocol" without ports. */
function canonical(world: World, rule: SecurityRule, vpcId: string): SecurityRule {
  const sources = [rule.cidr, rule.ipv6Cidr, rule.prefixList, rule.group].filter((it) => it !== undefined);
  insist(sources.length === 1, "InvalidParameterCombination", "a rule has exactly one source");
  insist(
    ["tcp", "udp", "icmp", "icmpv6", "-1"].includes(rule.protocol),
    "InvalidParameterValue",
    `Invalid value '${rule.protocol}' for IP protocol`,
  );
  checkPorts(rule);
  insist(
    rule.description === undefined || (CHARACTERS.test(rule.description) && rule.description.length <= 255),
    "InvalidParameterValue",
    "Invalid rule description",
  );
  insist(
    rule.group === undefined || world.groups.get(rule.group)?.vpcId === vpcId,
    "InvalidGroup.NotFound",
    `You have specified two resources that belong to different networks, or '${rule.group}' does not exist`,
  );
  insist(
    rule.prefixList === undefined || world.prefixLists.has(rule.prefixList),
    "InvalidPrefixListID.NotFound",
    `The prefix list ID '${rule.prefixList}' does not exist`,
  );
  const ports = rule.protocol === "-1" ? { fromPort: -1, toPort: -1 } : {};
  const cidr = rule.cidr === undefined ? {} : { cidr: network(rule.cidr, "IPv4") };
  const ipv6Cidr = rule.ipv6Cidr === undefined ? {} : { ipv6Cidr: network(rule.ipv6Cidr, "IPv6") };
  return { ...rule, ...ports, ...cidr, ...ipv6Cidr };
}

function network(text: string, family: "IPv4" | "IPv6"): string {
  const cidr = parseCidr(text);
  if (cidr?.family !== family) throw new Refusal("InvalidParameterValue", `CIDR block ${text} is malformed`);
  return formatCidr(cidr);
}

function checkPorts({ protocol, fromPort, toPort }: SecurityRule): void {
  if (protocol === "-1") return;
  const icmp = protocol === "icmp" || protocol === "icmpv6";
  const [low, high] = icmp ? [-1, 255] : [0, 65535];
  const good = [fromPort, toPort].every((port) => Number.isInteger(port) && port >= low && port <= high);
  insist(
    good && (icmp || fromPort <= toPort),
    "InvalidParameterValue",
    `Invalid value for portRange: ${fromPort}-${toPort}`,
  );
}

/** What makes two permissions the same one: all but the description. */
function identity(rule: SecurityRule): string {
  return [
    rule.protocol,
    rule.fromPort,
    rule.toPort,
    rule.cidr,
    rule.ipv6Cidr,
    rule.prefixList,
    rule.group,
  ].join("|");
}

function described(it: FakeGroup): SecurityGroup {
  return {
    id: it.id,
    name: it.name,
    vpcId: it.vpcId,
    inbound: it.rules.map((rule) => ({ ...rule })),
    tags: { ...it.tags },
  };
}

function usersOfGroup(world: World, id: string): string[] {
  const balancers = [...world.loadBalancers.values()].filter((it) => it.securityGroups.includes(id));
  const instances = [...world.instances.values()].filter(
    (it) => it.state !== "terminated" && it.groups.includes(id),
  );
  const groups = [...world.groups.values()].filter(
    (it) => it.id !== id && it.rules.some((rule) => rule.group === id),
  );
  const lingering =
    world.now() < (world.lingering.get(id) ?? 0) ? ["an interface of a deleted load balancer"] : [];
  return [
    ...balancers.map((it) => it.name),
    ...instances.map((it) => it.id),
    ...groups.map((it) => it.id),
    ...lingering,
  ];
}

function checkEc2Tags(
  tags: Readonly<Record<string, string>>,
  had: Readonly<Record<string, string>> = {},
): void {
  insist(Object.keys({ ...had, ...tags }).length <= 50, "TagLimitExceeded", "at most 50 tags a resource");
  for (const key of Object.keys(tags))
    insist(
      !key.startsWith("aws:") && key.length <= 128,
      "InvalidParameterValue",
      `Tag key '${key}' is not allowed`,
    );
}

/** The calls about VPCs, subnets, instances and their interfaces. */
export const networkCalls = {
  describeVpc(world, vpcId) {
    const vpc = world.vpcs.get(vpcId);
    return vpc === undefined ? undefined : { ipv4Cidrs: [...vpc.ipv4Cidrs], ipv6Cidrs: [...vpc.ipv6Cidrs] };
  },

  describeSubnets: (world, vpcId) =>
    [...world.subnets.values()].filter((it) => it.vpcId === vpcId).map((it) => structuredClone(it)),

  describeSecurityGroups: (world, by) =>
    [...world.groups.values()]
      .filter((it) => it.visibleAt <= world.now())
      .filter((it) => it.vpcId === by.vpcId && (by.ids?.includes(it.id) ?? true))
      .filter((it) => Object.entries(by.tags ?? {}).every(([key, value]) => it.tags[key] === value))
      .map(described),

  describeInstanceGroups(world, instanceIds) {
    const found = instanceIds.map((id) => world.instances.get(id)).filter((it) => it !== undefined);
    return new Map(found.filter((it) => it.state !== "terminated").map((it) => [it.id, [...it.groups]]));
  },

  createSecurityGroup(world, spec) {
    insist(world.vpcs.has(spec.vpcId), "InvalidVpcID.NotFound", `The vpc ID '${spec.vpcId}' does not exist`);
    insist(
      spec.name.length >= 1 &&
        spec.name.length <= 255 &&
        CHARACTERS.test(spec.name) &&
        !spec.name.startsWith("sg-") &&
        spec.name !== "default",
      "InvalidParameterValue",
      `Value (${spec.name}) for parameter GroupName is invalid`,
    );
    insist(
      spec.description.length >= 1 && spec.description.length <= 255 && CHARACTERS.test(spec.description),
      "InvalidParameterValue",
      `Value (${spec.description}) for parameter GroupDescription is invalid`,
    );
    checkEc2Tags(spec.tags);
    const same = [...world.groups.values()].find((it) => it.vpcId === spec.vpcId && it.name === spec.name);
    insist(
      same === undefined,
      "InvalidGroup.Duplicate",
      `The security group '${spec.name}' already exists for VPC '${spec.vpcId}'`,
    );
    insist(
      world.groups.size < world.options.quotas.securityGroups,
      "SecurityGroupLimitExceeded",
      "The maximum number of security groups has been reached",
    );
    const id = `sg-${nextId(world, 17)}`;
    const visibleAt = world.now() + world.options.groupVisibleAfterMs;
    world.groups.set(id, { ...spec, id, rules: [], visibleAt, tags: { ...spec.tags } });
    return id;
  },

  authorizeIngress(world, group, rules) {
    const it = groupOf(world, group);
    insist(rules.length > 0, "MissingParameter", "no permissions were given");
    const added = rules.map((rule) => canonical(world, rule, it.vpcId));
    const names = added.map(identity);
    insist(
      new Set(names).size === names.length,
      "InvalidParameterValue",
      "The same permission must not appear multiple times",
    );
    const had = new Set(it.rules.map(identity));
    for (const name of names)
      insist(!had.has(name), "InvalidPermission.Duplicate", `the specified rule "${name}" already exists`);
    insist(
      it.rules.length + added.length <= world.options.quotas.rulesPerGroup,
      "RulesPerSecurityGroupLimitExceeded",
      "The maximum number of rules per security group has been reached",
    );
    it.rules.push(...added);
  },

  revokeIngress(world, group, rules) {
    const it = groupOf(world, group);
    insist(rules.length > 0, "MissingParameter", "no permissions were given");
    // a group that a rule names may be gone meanwhile: its rules went with it
    const gone = rules.map((rule) => identity(canonical(world, rule, it.vpcId)));
    const had = new Set(it.rules.map(identity));
    for (const name of gone)
      insist(
        had.has(name),
        "InvalidPermission.NotFound",
        `The specified rule "${name}" does not exist in this group`,
      );
    it.rules = it.rules.filter((rule) => !gone.includes(identity(rule)));
  },

  deleteSecurityGroup(world, id) {
    groupOf(world, id);
    const users = usersOfGroup(world, id);
    insist(
      users.length === 0,
      "DependencyViolation",
      `resource ${id} has a dependent object: ${users.join(", ")}`,
    );
    world.groups.delete(id);
  },

  tagResources(world, ids, tags) {
    const groups = ids.map((id) => groupOf(world, id));
    for (const it of groups) checkEc2Tags(tags, it.tags);
    for (const it of groups) Object.assign(it.tags, tags);
  },

  untagResources(world, ids, keys) {
    for (const it of ids.map((id) => groupOf(world, id))) for (const key of keys) delete it.tags[key];
  },
} satisfies Partial<Calls>;
