/** All that exists in the fake, without ids and times: two worlds that came to the same end have the same. */
import type { World } from "../fake-aws/world.ts";

const UNTOLD = new Set(["tandem.dev/created"]);

/** Plain data to be compared; things are named, not numbered. */
export function snapshotOf(world: World): unknown {
  const groupName = (id: string): string => world.groups.get(id)?.name ?? `gone ${id}`;
  const targetGroupName = (arn: string): string => world.targetGroups.get(arn)?.name ?? `gone ${arn}`;
  const balancerName = (arn: string): string => world.loadBalancers.get(arn)?.name ?? `gone ${arn}`;
  const balancers = [...world.loadBalancers.values()].map((it) => ({
    name: it.name,
    scheme: it.scheme,
    ipAddressType: it.ipAddressType,
    subnets: it.subnets,
    prefix: it.prefixForIpv6SourceNat,
    securityGroups: it.securityGroups.map(groupName).toSorted(),
    attributes: it.attributes,
    tags: told(it.tags),
  }));
  const listeners = [...world.listeners.values()].map((it) => ({
    on: balancerName(it.loadBalancer),
    port: it.port,
    protocol: it.protocol,
    forward: it.forward.map(({ targetGroup }) => targetGroupName(targetGroup)),
    certificates: [it.defaultCertificate, ...it.otherCertificates],
    attributes: it.attributes,
    tags: told(it.tags),
  }));
  const targetGroups = [...world.targetGroups.values()].map((it) => ({
    name: it.name,
    protocol: it.protocol,
    type: `${it.targetType} ${it.ipAddressType}`,
    healthCheck: it.healthCheck,
    targets: [...it.targets]
      .filter(([, { drainedAt }]) => drainedAt === undefined)
      .map(([key]) => key)
      .toSorted(),
    attributes: it.attributes,
    tags: told(it.tags),
  }));
  const groups = [...world.groups.values()].map((it) => ({
    name: it.name,
    rules: it.rules.map((rule) => ({ ...rule, group: rule.group && groupName(rule.group) })).toSorted(byText),
    tags: told(it.tags),
  }));
  return [balancers, listeners, targetGroups, groups].map((list) => list.toSorted(byText));
}

function told(tags: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(tags)
      .filter(([key]) => !UNTOLD.has(key))
      .toSorted(),
  );
}

function byText(a: unknown, b: unknown): number {
  return JSON.stringify(a) < JSON.stringify(b) ? -1 : 1;
}
