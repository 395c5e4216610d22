/** Target groups of the fake, their targets and what AWS says of their health. */
import type { BareTargetGroup } from "../../../src/balancer/aws/api.ts";
import type { HealthCheck } from "../../../src/traffic/balancer/model.ts";
import { checkTargetGroupAttributes, targetGroupDefaults } from "./attributes.ts";
import { usersOf } from "./listeners.ts";
import { checkName } from "./load-balancers.ts";
import { checkTarget, checkZones, describeHealth, forgetDrained, keyOf, zoneFound } from "./targets.ts";
import type { Calls, FakeTargetGroup, World } from "./world.ts";
import { arnOf, checkTags, nextId, insist, sameRecord } from "./world.ts";

type Spec = Parameters<Calls["createTargetGroup"]>[1];

/** A target group by its ARN. @throws as AWS does where there is none */
export function targetGroupOf(world: World, arn: string): FakeTargetGroup {
  const found = world.targetGroups.get(arn);
  insist(found, "TargetGroupNotFound", `Target groups '${arn}' not found`);
  return found;
}

function bareTargetGroup(world: World, it: FakeTargetGroup): BareTargetGroup {
  return {
    arn: it.arn,
    name: it.name,
    protocol: it.protocol,
    port: it.port,
    targetType: it.targetType,
    ipAddressType: it.ipAddressType,
    vpcId: it.vpcId,
    healthCheck: { ...it.healthCheck },
    loadBalancers: usersOf(world, it.arn),
  };
}

function between(what: string, value: number, low: number, high: number): void {
  insist(
    Number.isInteger(value) && value >= low && value <= high,
    "ValidationError",
    `${what} '${value}' must be between ${low} and ${high}`,
  );
}

function checkHealthCheck(check: HealthCheck): void {
  insist(
    ["TCP", "HTTP", "HTTPS"].includes(check.protocol),
    "ValidationError",
    `Health check protocol '${check.protocol}' must be one of TCP, HTTP, HTTPS`,
  );
  between("Health check interval", check.intervalSeconds, 5, 300);
  between("Health check timeout", check.timeoutSeconds, 2, 120);
  insist(
    check.timeoutSeconds <= check.intervalSeconds,
    "ValidationError",
    `Health check timeout '${check.timeoutSeconds}' must be at most the interval '${check.intervalSeconds}'`,
  );
  between("Healthy threshold count", check.healthyThreshold, 2, 10);
  between("Unhealthy threshold count", check.unhealthyThreshold, 2, 10);
  if (check.port !== "traffic-port") between("Health check port", check.port, 1, 65535);
  const http = check.protocol !== "TCP";
  insist(http || check.path === undefined, "ValidationError", "Health check path is not supported for TCP");
  insist(http || check.successCodes === undefined, "ValidationError", "Matcher is not supported for TCP");
  insist(
    check.path === undefined || /^\/[^\s]{0,1023}$/.test(check.path),
    "ValidationError",
    `Health check path '${check.path}' is not valid`,
  );
  insist(
    check.successCodes === undefined || /^\d{3}(-\d{3})?(,\d{3}(-\d{3})?)*$/.test(check.successCodes),
    "ValidationError",
    `Health check matcher '${check.successCodes}' is not valid`,
  );
}

function checkSpec(world: World, spec: Spec): void {
  checkName("Target group", spec.name);
  checkTags(spec.tags);
  insist(
    ["TCP", "UDP", "TCP_UDP", "TLS", "QUIC", "TCP_QUIC"].includes(spec.protocol),
    "ValidationError",
    `Protocol '${spec.protocol}' is not supported`,
  );
  between("Port", spec.port, 1, 65535);
  insist(
    ["instance", "ip"].includes(spec.targetType),
    "ValidationError",
    `no target type '${spec.targetType}'`,
  );
  insist(
    ["ipv4", "ipv6"].includes(spec.ipAddressType),
    "ValidationError",
    `IP address type '${spec.ipAddressType}' must be one of ipv4, ipv6`,
  );
  insist(
    !(spec.targetType === "instance" && spec.ipAddressType === "ipv6"),
    "ValidationError",
    "Target groups of type instance cannot have IP address type ipv6",
  );
  insist(world.vpcs.has(spec.vpcId), "ValidationError", `The VPC ID '${spec.vpcId}' is not found`);
  checkHealthCheck(spec.healthCheck);
}

/** A health check as it is stored: AWS fills in what HTTP needs. */
function stored(check: HealthCheck): HealthCheck {
  if (check.protocol === "TCP") return { ...check };
  return { ...check, path: check.path ?? "/", successCodes: check.successCodes ?? "200-399" };
}

function sameSettings(world: World, it: FakeTargetGroup, spec: Spec): boolean {
  const plain = (group: Spec | FakeTargetGroup, check: HealthCheck) =>
    JSON.stringify([
      group.protocol,
      group.port,
      group.targetType,
      group.ipAddressType,
      group.vpcId,
      check.protocol,
      check.port,
      check.path,
      check.intervalSeconds,
      check.timeoutSeconds,
      check.healthyThreshold,
      check.unhealthyThreshold,
      check.successCodes,
    ]);
  return (
    plain(it, it.healthCheck) === plain(spec, stored(spec.healthCheck)) &&
    (world.options.idempotencyIgnoresTags || sameRecord(it.tags, spec.tags))
  );
}

function add(world: World, spec: Spec): FakeTargetGroup {
  const it: FakeTargetGroup = {
    arn: arnOf(world, `targetgroup/${spec.name}/${nextId(world, 16)}`),
    name: spec.name,
    protocol: spec.protocol,
    port: spec.port,
    targetType: spec.targetType,
    ipAddressType: spec.ipAddressType,
    vpcId: spec.vpcId,
    healthCheck: stored(spec.healthCheck),
    attributes: targetGroupDefaults(spec),
    targets: new Map(),
    usedSince: undefined,
    tags: { ...spec.tags },
  };
  world.targetGroups.set(it.arn, it);
  return it;
}

/** The calls about target groups and their targets. */
export const targetGroupCalls = {
  describeTargetGroups(world, by) {
    const all = [...world.targetGroups.values()];
    const bare = (it: FakeTargetGroup) => bareTargetGroup(world, it);
    if (by?.arns) return by.arns.map((arn) => bare(targetGroupOf(world, arn)));
    if (by?.loadBalancer !== undefined) {
      const { loadBalancer } = by;
      insist(world.loadBalancers.has(loadBalancer), "LoadBalancerNotFound", `'${loadBalancer}' not found`);
      return all.filter((it) => usersOf(world, it.arn).includes(loadBalancer)).map(bare);
    }
    if (!by?.names) return all.map(bare);
    return by.names.map((name) => {
      const found = all.find((it) => it.name === name);
      insist(found, "TargetGroupNotFound", `Target groups '[${name}]' not found`);
      return bare(found);
    });
  },

  describeTargetGroupAttributes: (world, arn) => ({ ...targetGroupOf(world, arn).attributes }),

  describeTargetHealth: (world, arn) => describeHealth(world, targetGroupOf(world, arn)),

  createTargetGroup(world, spec) {
    checkSpec(world, spec);
    const same = [...world.targetGroups.values()].find((it) => it.name === spec.name);
    if (same !== undefined) {
      insist(
        sameSettings(world, same, spec),
        "DuplicateTargetGroupName",
        `A target group with the same name '${spec.name}' exists, but with different settings`,
      );
      return bareTargetGroup(world, same);
    }
    insist(
      world.targetGroups.size < world.options.quotas.targetGroups,
      "TooManyTargetGroups",
      "The maximum number of target groups has been reached",
    );
    return bareTargetGroup(world, add(world, spec));
  },

  modifyTargetGroup(world, arn, healthCheck) {
    const it = targetGroupOf(world, arn);
    checkHealthCheck(healthCheck);
    it.healthCheck = stored(healthCheck);
  },

  modifyTargetGroupAttributes(world, arn, attributes) {
    const it = targetGroupOf(world, arn);
    checkTargetGroupAttributes(it, attributes);
    Object.assign(it.attributes, attributes);
  },

  registerTargets(world, arn, targets) {
    const it = targetGroupOf(world, arn);
    insist(targets.length > 0, "ValidationError", "At least one target must be specified");
    for (const target of targets) checkTarget(world, it, target);
    forgetDrained(world, it);
    checkZones(world, it, targets);
    const keys = new Set([...it.targets.keys(), ...targets.map(keyOf)]);
    insist(
      keys.size <= world.options.quotas.targetsPerGroup,
      "TooManyTargets",
      "The maximum number of targets of the target group has been reached",
    );
    for (const target of targets) {
      const before = it.targets.get(keyOf(target));
      if (before !== undefined && before.drainedAt === undefined) continue; // registered already: nothing to do
      const found = { ...zoneFound(world, it, target), ...target };
      it.targets.set(keyOf(target), { ...found, registeredAt: world.now(), drainedAt: undefined });
    }
  },

  deregisterTargets(world, arn, targets) {
    const it = targetGroupOf(world, arn);
    insist(targets.length > 0, "ValidationError", "At least one target must be specified");
    const delay = Number(it.attributes["deregistration_delay.timeout_seconds"]) * 1000;
    for (const target of targets) {
      const found = it.targets.get(keyOf(target));
      if (found === undefined || found.drainedAt !== undefined) continue; // AWS: what is not there is no error
      if (it.usedSince === undefined) it.targets.delete(keyOf(target));
      else found.drainedAt = world.now() + delay;
    }
  },

  deleteTargetGroup(world, arn) {
    if (!world.targetGroups.has(arn)) return; // AWS: deleting what does not exist succeeds
    const busy = usersOf(world, arn).length > 0 || world.now() < (world.lingering.get(arn) ?? 0);
    insist(!busy, "ResourceInUse", `Target group '${arn}' is currently in use by a listener or a rule`);
    world.targetGroups.delete(arn);
  },
} satisfies Partial<Calls>;
