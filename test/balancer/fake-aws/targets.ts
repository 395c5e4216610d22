/** Targets of the fake: which may be registered, and what their health is at a time of the world's clock. */
import type { Target } from "../../../src/balancer/aws/model.ts";
import { parseAddress } from "../../../src/ip/address.ts";
import { cidrContains, parseCidr } from "../../../src/ip/cidr.ts";
import { listenersOf, usersOf } from "./listeners.ts";
import { bareLoadBalancer } from "./load-balancers.ts";
import type { FakeTarget, FakeTargetGroup, World } from "./world.ts";
import { insist } from "./world.ts";

/** What one registration is known by: the same id may be registered with several ports. */
export function keyOf(target: Pick<Target, "id" | "port">): string {
  return `${target.id}:${target.port}`;
}

/** Ranges outside the VPC that targets of IPv4 groups may have (peered networks, on premises). */
const OUTSIDE = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10"];

function checkInstance(world: World, group: FakeTargetGroup, target: Target): void {
  const instance = world.instances.get(target.id);
  insist(instance, "InvalidTarget", `The following targets are not valid instances: '${target.id}'`);
  insist(
    instance.state === "running",
    "InvalidTarget",
    `The following targets are not in a running state and cannot be registered: '${target.id}'`,
  );
  insist(
    instance.vpcId === group.vpcId,
    "InvalidTarget",
    `The following targets are not in the target group VPC '${group.vpcId}': '${target.id}'`,
  );
  insist(
    target.availabilityZone === undefined,
    "ValidationError",
    "You cannot specify an Availability Zone for a target of type instance",
  );
}

function checkAddress(world: World, group: FakeTargetGroup, target: Target): void {
  const address = parseAddress(target.id);
  const family = group.ipAddressType === "ipv6" ? "IPv6" : "IPv4";
  insist(
    address?.family === family,
    "ValidationError",
    `The IP address '${target.id}' is not a valid ${family} address`,
  );
  const within = (cidrs: readonly string[]) =>
    cidrs.some((text) => {
      const cidr = parseCidr(text);
      return cidr !== undefined && cidrContains(cidr, address);
    });
  const vpc = world.vpcs.get(group.vpcId);
  if (within([...(vpc?.ipv4Cidrs ?? []), ...(vpc?.ipv6Cidrs ?? [])])) return;
  insist(
    family === "IPv4" && within(OUTSIDE),
    "InvalidTarget",
    `The following targets are not in the target group VPC's ranges: '${target.id}'`,
  );
  insist(
    target.availabilityZone === "all",
    "ValidationError",
    `'${target.id}' is outside the VPC: you must specify the Availability Zone 'all'`,
  );
}

/** The zone of a target of type ip in a subnet of the VPC, which AWS finds by itself. */
export function zoneFound(
  world: World,
  group: FakeTargetGroup,
  target: Target,
): { availabilityZone?: string } {
  if (group.targetType !== "ip") return {};
  const address = parseAddress(target.id);
  const subnet = [...world.subnets.values()].find((it) => {
    const cidrs = [it.ipv4Cidr ?? "", ...it.ipv6Cidrs].map(parseCidr).filter((cidr) => cidr !== undefined);
    return (
      it.vpcId === group.vpcId && address !== undefined && cidrs.some((cidr) => cidrContains(cidr, address))
    );
  });
  return subnet === undefined ? {} : { availabilityZone: subnet.availabilityZone };
}

/** Refuses a target that AWS would not register. */
export function checkTarget(world: World, group: FakeTargetGroup, target: Target): void {
  insist(
    Number.isInteger(target.port) && target.port >= 1 && target.port <= 65535,
    "ValidationError",
    `target port '${target.port}' is not valid`,
  );
  insist(
    !group.protocol.includes("QUIC"),
    "ValidationError",
    `A QuicServerId must be specified for targets of ${group.protocol} target groups`,
  );
  if (group.targetType === "instance") checkInstance(world, group, target);
  else checkAddress(world, group, target);
}

/** Refuses targets beyond what a load balancer has of a zone, over all its target groups. */
export function checkZones(world: World, group: FakeTargetGroup, targets: readonly Target[]): void {
  const [balancer] = usersOf(world, group.arn);
  if (balancer === undefined) return;
  const used = [...world.targetGroups.values()].filter((it) => usersOf(world, it.arn).includes(balancer));
  const counts = new Map<string | undefined, Set<string>>();
  const count = (it: FakeTargetGroup, target: Target) => {
    const zone = zoneOf(world, it, target);
    counts.set(zone, (counts.get(zone) ?? new Set()).add(`${it.arn} ${keyOf(target)}`));
  };
  for (const it of used) for (const target of it.targets.values()) count(it, target);
  for (const target of targets) count(group, target);
  const most = Math.max(0, ...[...counts.values()].map((it) => it.size));
  insist(most <= world.options.quotas.targetsPerZone, "TooManyTargets", "too many targets of one zone");
}

/** Forgets the targets whose draining is over. */
export function forgetDrained(world: World, group: FakeTargetGroup): void {
  for (const [key, target] of group.targets)
    if (target.drainedAt !== undefined && target.drainedAt <= world.now()) group.targets.delete(key);
}

function zoneOf(world: World, group: FakeTargetGroup, target: Target): string | undefined {
  if (group.targetType !== "instance")
    return target.availabilityZone ?? zoneFound(world, group, target).availabilityZone;
  return world.subnets.get(world.instances.get(target.id)?.subnetId ?? "")?.availabilityZone;
}

interface Health {
  readonly health: string;
  readonly reason?: string;
}

function healthOf(world: World, group: FakeTargetGroup, target: FakeTarget): Health {
  if (target.drainedAt !== undefined)
    return { health: "draining", reason: "Target.DeregistrationInProgress" };
  const balancer = world.loadBalancers.get(usersOf(world, group.arn)[0] ?? "");
  if (
    balancer === undefined ||
    group.usedSince === undefined ||
    listenersOf(world, balancer.arn).length === 0
  )
    return { health: "unused", reason: "Target.NotInUse" };
  if (group.targetType === "instance" && world.instances.get(target.id)?.state !== "running")
    return { health: "unused", reason: "Target.InvalidState" };
  const zone = zoneOf(world, group, target);
  const zones = balancer.subnets.map((subnet) => world.subnets.get(subnet.subnetId)?.availabilityZone);
  const anyZone = balancer.attributes["load_balancing.cross_zone.enabled"] === "true";
  if (zone !== undefined && zone !== "all" && !anyZone && !zones.includes(zone))
    return { health: "unused", reason: "Target.NotInUse" };
  if (bareLoadBalancer(world, balancer).state === "provisioning")
    return { health: "initial", reason: "Elb.RegistrationInProgress" };
  const said = world.healthOverrides.get(target.id);
  if (said !== undefined)
    return { health: said, reason: said === "healthy" ? undefined : "Target.FailedHealthChecks" };
  const since = Math.max(target.registeredAt, group.usedSince);
  if (world.now() - since < world.options.healthyAfterMs)
    return { health: "initial", reason: "Elb.InitialHealthChecking" };
  return { health: "healthy" };
}

/** All targets of a group with their health, draining ones among them. */
export function describeHealth(world: World, group: FakeTargetGroup): (Target & Health)[] {
  forgetDrained(world, group);
  return [...group.targets.values()].map((target) => {
    const { health, reason } = healthOf(world, group, target);
    return {
      id: target.id,
      port: target.port,
      ...(target.availabilityZone === undefined ? {} : { availabilityZone: target.availabilityZone }),
      health,
      ...(reason === undefined ? {} : { reason }),
    };
  });
}
