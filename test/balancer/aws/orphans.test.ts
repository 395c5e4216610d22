import assert from "node:assert/strict";
import { test } from "node:test";
import { usualAws } from "../fake-aws/fake.ts";
import { loadBalancerSpec } from "../fake-aws/specs.ts";
import { LiveService, providerOf, settle } from "./cluster.ts";

/** A cluster whose load balancers went by someone's hand: the shared group is left, and nodes' rules for it. */
async function sharedGroupAlone() {
  const aws = usualAws();
  const live = new LiveService();
  await settle(providerOf(aws, aws.connect()), live, aws.clock);
  for (const arn of aws.world.loadBalancers.keys()) aws.loseLoadBalancer(arn);
  aws.clock.advance(60_000);
  const rules = () => aws.world.groups.get(aws.nodeGroup)?.rules ?? [];
  const shared = [...aws.world.groups.values()].find(({ name }) => name.startsWith("tandem-traffic-"));
  const use = () =>
    aws.now.createLoadBalancer({ ...loadBalancerSpec({ name: "new" }), securityGroups: [shared?.id ?? ""] });
  return { aws, live, rules, shared: shared?.id, use };
}

test("a shared group that is used again while it is deleted keeps the nodes' rules for it", async () => {
  const { aws, live, rules, shared, use } = await sharedGroupAlone();
  const before = rules();
  assert.equal(before.length, 1);
  const fault = ({ name, args }: { name: string; args: readonly unknown[] }) => {
    if (name === "deleteSecurityGroup" && args[0] === shared) use();
    return undefined;
  };
  const provider = providerOf(aws, aws.connect({ fault }));
  const orphans = await provider.orphans(new Map(), live.signal);
  const deleted = await provider.deleteOrphans(orphans, live.signal);
  assert.match(deleted.find(({ orphan }) => orphan.id === shared)?.error ?? "", /DependencyViolation/);
  assert.deepEqual(rules(), before);
});

test("a shared group that is used again before it is deleted is left alone", async () => {
  const { aws, live, rules, shared, use } = await sharedGroupAlone();
  const provider = providerOf(aws, aws.connect());
  const orphans = await provider.orphans(new Map(), live.signal);
  use();
  const deleted = await provider.deleteOrphans(orphans, live.signal);
  const { error } = deleted.find(({ orphan }) => orphan.id === shared) ?? {};
  assert.equal(error, "a load balancer uses it again");
  assert.equal(rules().length, 1);
});
