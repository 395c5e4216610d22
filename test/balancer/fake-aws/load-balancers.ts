/** Load balancers of the fake, with the rules that the real service enforces. */
import type { BareLoadBalancer, NewLoadBalancer } from "../../../src/balancer/aws/api.ts";
import type { SubnetMapping } from "../../../src/balancer/aws/model.ts";
import { checkLoadBalancerAttributes, loadBalancerDefaults } from "./attributes.ts";
import { checkListenerOnFamily } from "./listeners.ts";
import { checkGroups, checkIpv6, checkSubnets, subnetOf } from "./placement.ts";
import type { Calls, FakeLoadBalancer, World } from "./world.ts";
import { arnOf, checkTags, nextId, insist, sameRecord } from "./world.ts";

const CONFLICT = "InvalidConfigurationRequest";

/** A load balancer by its ARN. @throws as AWS does where there is none */
export function loadBalancerOf(world: World, arn: string): FakeLoadBalancer {
  const found = world.loadBalancers.get(arn);
  insist(found, "LoadBalancerNotFound", `Load balancer '${arn}' not found`);
  return found;
}

/** A load balancer as describing it shows it. */
export function bareLoadBalancer(world: World, it: FakeLoadBalancer): BareLoadBalancer {
  const active = world.now() - it.createdAt >= world.options.provisioningMs;
  return {
    arn: it.arn,
    name: it.name,
    dnsName: it.dnsName,
    type: it.type,
    scheme: it.scheme,
    ipAddressType: it.ipAddressType,
    state: it.failed ? "failed" : active ? "active" : "provisioning",
    vpcId: it.vpcId,
    subnets: it.subnets.map((subnet) => ({ ...subnet })),
    securityGroups: [...it.securityGroups],
    prefixForIpv6SourceNat: it.prefixForIpv6SourceNat,
    created: new Date(it.createdAt).toISOString(),
  };
}

/** 1–32 letters, digits and hyphens, none at an end (and not `internal-`): of load balancers and target groups. */
export function checkName(kind: string, name: string): void {
  insist(
    name.length >= 1 && name.length <= 32,
    "ValidationError",
    `${kind} name '${name}' cannot be longer than '32' characters`,
  );
  insist(
    /^[a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?$/.test(name),
    "ValidationError",
    `${kind} name '${name}' can only contain characters that are alphanumeric characters and hyphens(-)`,
  );
  insist(
    !name.startsWith("internal-"),
    "ValidationError",
    `${kind} name '${name}' must not begin with 'internal-'`,
  );
}

function sameSettings(world: World, it: FakeLoadBalancer, spec: NewLoadBalancer): boolean {
  const plain = (mappings: readonly SubnetMapping[]) =>
    JSON.stringify(mappings.map((mapping) => Object.entries(mapping).sort()).sort());
  return (
    it.type === "network" &&
    it.scheme === spec.scheme &&
    it.ipAddressType === spec.ipAddressType &&
    plain(it.subnets) === plain(spec.subnets) &&
    [...it.securityGroups].sort().join() === [...spec.securityGroups].sort().join() &&
    (it.prefixForIpv6SourceNat ?? "off") === (spec.prefixForIpv6SourceNat ?? "off") &&
    (world.options.idempotencyIgnoresTags || sameRecord(it.tags, spec.tags))
  );
}

function create(world: World, spec: NewLoadBalancer, vpcId: string): FakeLoadBalancer {
  const hash = nextId(world, 16);
  const it: FakeLoadBalancer = {
    arn: arnOf(world, `loadbalancer/net/${spec.name}/${hash}`),
    name: spec.name,
    dnsName: `${spec.name}-${hash}.elb.${world.options.region}.amazonaws.com`,
    scheme: spec.scheme,
    vpcId,
    createdAt: world.now(),
    type: "network",
    ipAddressType: spec.ipAddressType,
    subnets: spec.subnets.map((subnet) => ({ ...subnet })),
    securityGroups: [...spec.securityGroups],
    prefixForIpv6SourceNat: spec.prefixForIpv6SourceNat,
    inboundRulesOnPrivateLink: undefined,
    capacityUnits: undefined,
    failed: false,
    endpointService: false,
    attributes: loadBalancerDefaults(spec.scheme),
    tags: { ...spec.tags },
  };
  world.loadBalancers.set(it.arn, it);
  for (const { allocationId } of spec.subnets) if (allocationId) world.allocations.set(allocationId, it.arn);
  return it;
}

/** Takes a load balancer away with its listeners; what it held lingers. */
export function dropLoadBalancer(world: World, it: FakeLoadBalancer): void {
  const until = world.now() + world.options.lingerMs;
  for (const listener of world.listeners.values()) {
    if (listener.loadBalancer !== it.arn) continue;
    world.listeners.delete(listener.arn);
    for (const { targetGroup } of listener.forward) world.lingering.set(targetGroup, until);
  }
  for (const group of it.securityGroups) world.lingering.set(group, until);
  for (const [id, user] of world.allocations) if (user === it.arn) world.allocations.set(id, undefined);
  world.loadBalancers.delete(it.arn);
}

/** The calls about load balancers. */
export const loadBalancerCalls = {
  describeLoadBalancers(world, by) {
    const all = [...world.loadBalancers.values()];
    const bare = (it: FakeLoadBalancer) => bareLoadBalancer(world, it);
    if (by?.arns) return by.arns.map((arn) => bare(loadBalancerOf(world, arn)));
    if (!by?.names) return all.map(bare);
    return by.names.map((name) => {
      const found = all.find((it) => it.name === name);
      insist(found, "LoadBalancerNotFound", `Load balancers '[${name}]' not found`);
      return bare(found);
    });
  },

  describeLoadBalancerAttributes: (world, arn) => ({ ...loadBalancerOf(world, arn).attributes }),

  createLoadBalancer(world, spec) {
    checkName("Load balancer", spec.name);
    insist(
      ["internal", "internet-facing"].includes(spec.scheme),
      "InvalidScheme",
      `no scheme '${spec.scheme}'`,
    );
    insist(
      ["ipv4", "dualstack"].includes(spec.ipAddressType),
      "ValidationError",
      `'${spec.ipAddressType}' is not a valid IP address type of a network load balancer`,
    );
    checkTags(spec.tags);
    const same = [...world.loadBalancers.values()].find((it) => it.name === spec.name);
    if (same !== undefined) {
      insist(
        sameSettings(world, same, spec),
        "DuplicateLoadBalancerName",
        `A load balancer with the same name '${spec.name}' exists, but with different settings`,
      );
      return bareLoadBalancer(world, same);
    }
    const placement = { ...spec, prefix: spec.prefixForIpv6SourceNat };
    const subnets = checkSubnets(world, spec.subnets, placement);
    for (const { allocationId } of spec.subnets)
      insist(
        !allocationId || world.allocations.get(allocationId) === undefined,
        "ResourceInUse",
        `The allocation ID '${allocationId}' is in use`,
      );
    const vpcId = subnets[0]?.vpcId ?? "";
    checkGroups(world, spec.securityGroups, vpcId);
    insist(
      world.loadBalancers.size < world.options.quotas.loadBalancers,
      "TooManyLoadBalancers",
      "The maximum number of load balancers has been reached",
    );
    return bareLoadBalancer(world, create(world, spec, vpcId));
  },

  deleteLoadBalancer(world, arn) {
    const it = world.loadBalancers.get(arn);
    if (it === undefined) return; // AWS: deleting what does not exist succeeds
    insist(
      it.attributes["deletion_protection.enabled"] !== "true",
      "OperationNotPermitted",
      `Load balancer '${arn}' cannot be deleted because deletion protection is enabled`,
    );
    insist(
      !it.endpointService,
      "ResourceInUse",
      `Load balancer '${arn}' cannot be deleted because it is currently associated with another service`,
    );
    dropLoadBalancer(world, it);
  },

  modifyLoadBalancerAttributes(world, arn, attributes) {
    const it = loadBalancerOf(world, arn);
    checkLoadBalancerAttributes(it, attributes);
    Object.assign(it.attributes, attributes);
  },

  setIpAddressType(world, arn, type) {
    const it = loadBalancerOf(world, arn);
    insist(
      ["ipv4", "dualstack"].includes(type),
      "ValidationError",
      `'${type}' is not a valid IP address type`,
    );
    const subnets = it.subnets.map((mapping) => subnetOf(world, mapping.subnetId));
    if (type === "ipv4" && it.prefixForIpv6SourceNat === "on") it.prefixForIpv6SourceNat = undefined;
    checkIpv6(subnets, { scheme: it.scheme, ipAddressType: type, prefix: it.prefixForIpv6SourceNat });
    for (const listener of world.listeners.values())
      if (listener.loadBalancer === arn)
        checkListenerOnFamily(world, listener, { type, prefix: it.prefixForIpv6SourceNat });
    it.ipAddressType = type;
  },

  setSubnets(world, arn, subnets, prefix) {
    const it = loadBalancerOf(world, arn);
    const wanted = prefix ?? it.prefixForIpv6SourceNat;
    // what only dualstack has may be given before the type is changed (the AWS controller does so), given the ranges
    const early = wanted === "on" || subnets.some((subnet) => subnet.ipv6Address !== undefined);
    const ipAddressType = early ? "dualstack" : it.ipAddressType;
    checkSubnets(world, subnets, { scheme: it.scheme, ipAddressType, prefix: wanted });
    insist(
      subnetOf(world, subnets[0]?.subnetId ?? "").vpcId === it.vpcId,
      CONFLICT,
      "the subnets are of another VPC",
    );
    for (const subnet of subnets) {
      const before = it.subnets.find((other) => other.subnetId === subnet.subnetId);
      const kept =
        !before ||
        (before.allocationId === subnet.allocationId &&
          before.privateIpv4Address === subnet.privateIpv4Address);
      insist(kept, CONFLICT, `The addresses of the enabled subnet '${subnet.subnetId}' cannot be changed`);
      if (subnet.allocationId) world.allocations.set(subnet.allocationId, arn);
    }
    for (const listener of world.listeners.values())
      if (listener.loadBalancer === arn && !early)
        checkListenerOnFamily(world, listener, { type: it.ipAddressType, prefix: wanted });
    it.subnets = subnets.map((subnet) => ({ ...subnet }));
    it.prefixForIpv6SourceNat = wanted;
  },

  setSecurityGroups(world, arn, groups, onPrivateLink) {
    const it = loadBalancerOf(world, arn);
    insist(
      it.securityGroups.length > 0,
      CONFLICT,
      "You cannot add security groups to a load balancer that was created without any",
    );
    insist(groups.length > 0, "ValidationError", "At least one security group must be specified");
    checkGroups(world, groups, it.vpcId);
    it.securityGroups = [...groups];
    it.inboundRulesOnPrivateLink = onPrivateLink ?? it.inboundRulesOnPrivateLink;
  },

  modifyCapacity(world, arn, units) {
    const it = loadBalancerOf(world, arn);
    insist(
      bareLoadBalancer(world, it).state === "active",
      "PriorRequestNotComplete",
      `'${arn}' is not active yet`,
    );
    insist(
      units === undefined || (Number.isInteger(units) && units > 0),
      "ValidationError",
      "bad CapacityUnits",
    );
    it.capacityUnits = units;
  },
} satisfies Partial<Calls>;
