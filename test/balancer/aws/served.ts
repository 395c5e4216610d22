/** What clients must find at every moment: a load balancer behind the status, with healthy targets behind it. */
import assert from "node:assert/strict";
import type { SecurityRule } from "../../../src/balancer/aws/model.ts";
import type { FakeAws } from "../fake-aws/fake.ts";
import type { TestService } from "./cluster.ts";
import { HTTP } from "./cluster.ts";

/** The ports that a Service has before and after a change. */
export function commonPorts(before: TestService, after: TestService): number[] {
  const ports = ({ ports = [HTTP] }: TestService): number[] => ports.map(({ port }) => port);
  return ports(before).filter((port) => ports(after).includes(port));
}

/** Fails where the hostname of the status leads nowhere, or a port of it to nothing healthy. */
export function checkServed(aws: FakeAws, hostname: string | undefined, ports: readonly number[]): void {
  if (hostname === undefined || ports.length === 0) return;
  const { loadBalancers, listeners, targetGroups } = aws.world;
  const balancer = [...loadBalancers.values()].find(({ dnsName }) => dnsName.toLowerCase() === hostname);
  assert.ok(balancer, `the load balancer ${hostname} of the status is gone`);
  for (const port of ports) {
    const listener = [...listeners.values()].find(
      (it) => it.loadBalancer === balancer.arn && it.port === port,
    );
    assert.ok(listener, `${hostname} no longer listens on ${port}`);
    const weighty = listener.forward.filter(({ weight }) => weight > 0);
    for (const { targetGroup } of weighty) {
      const name = targetGroups.get(targetGroup)?.name;
      const healths = aws.now.describeTargetHealth(targetGroup).map(({ health }) => health);
      assert.ok(healths.includes("healthy"), `port ${port} leads to ${name}: ${healths.join()}`);
      checkLetIn(aws, balancer.securityGroups, targetGroup);
    }
  }
}

/** Fails where the nodes' group keeps a load balancer with the cluster's shared group from its targets. */
function checkLetIn({ world }: FakeAws, groups: readonly string[], targetGroup: string): void {
  const shared = groups.find((id) => world.groups.get(id)?.name.startsWith("tandem-traffic-"));
  if (shared === undefined) return;
  const { protocol, targets } = world.targetGroups.get(targetGroup) ?? assert.fail();
  const rules = nodeRules(world, shared);
  for (const { port, drainedAt } of targets.values()) {
    const udp = protocol === "UDP";
    const letIn = rules.some(
      (rule) => rule.protocol === (udp ? "udp" : "tcp") && rule.fromPort <= port && rule.toPort >= port,
    );
    assert.ok(letIn || drainedAt !== undefined, `nodes do not let in ${protocol} ${port}`);
  }
}

/** The rules of the nodes' group for a group. */
export function nodeRules(world: FakeAws["world"], group: string): SecurityRule[] {
  const nodes = [...world.groups.values()].find(({ name }) => name === "nodes") ?? assert.fail();
  return nodes.rules.filter((rule) => rule.group === group);
}
