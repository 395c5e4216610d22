import assert from "node:assert/strict";
import { test } from "node:test";
import { AwsError } from "../../../src/balancer/aws/api.ts";
import { registerEach } from "../../../src/balancer/aws/register.ts";
import { modelOf, nodeOf, providerOf, world } from "./cluster.ts";

const GOOD = "i-0aaaaaaaaaaaaaaa1";
const GONE = ["i-0bbbbbbbbbbbbbbb1", "i-0bbbbbbbbbbbbbbb2"];

/** Serves once with nodes whose instances are partly gone, as autoscaling leaves them for minutes. */
async function serveWith(instances: readonly string[]) {
  const w = world();
  w.live.nodes = instances.map((id) => nodeOf(id));
  const serve = () => w.provider.serve(modelOf(w.live.service, w.live.nodes), w.live.context);
  const outcome = await serve();
  w.live.write(outcome);
  const targets = () =>
    [...w.aws.world.targetGroups.values()].flatMap((it) => [...it.targets.values()].map(({ id }) => id));
  return { w, outcome, serve, targets };
}

test("nodes whose instances are gone keep no other node from its traffic, and are told", async () => {
  const { w, outcome, targets } = await serveWith([...GONE, GOOD]);
  assert.deepEqual(targets(), [GOOD]);
  assert.equal(w.aws.census().listeners, 1);
  assert.match(outcome.ingress?.[0]?.hostname ?? "", /^k8s-default-web-/);
  assert.equal(outcome.done, false);
  const told = outcome.events.filter(({ reason }) => reason === "TargetsNotRegistered");
  assert.equal(told.length, 1);
  for (const id of GONE) assert.ok(told[0]?.message.includes(id), told[0]?.message);
});

test("a Service whose every node is such a one is served all the same, and heals", async () => {
  const { w, outcome, serve, targets } = await serveWith(GONE.slice(0, 1));
  assert.equal(w.aws.census().listeners, 1);
  assert.ok(outcome.againAfterMs !== undefined);
  w.live.nodes = [nodeOf(GOOD)];
  await serve();
  assert.deepEqual(targets(), [GOOD]);
});

test("where AWS names no target, halves tell which ones it takes", async () => {
  const taken: string[] = [];
  const targets = ["a", "b", "c", "d", "e"].map((id) => ({ id, port: 1 }));
  const refused = await registerEach(targets, async (some) => {
    if (some.some(({ id }) => id === "b" || id === "e"))
      throw new AwsError("RegisterTargets", "InvalidTarget", "some are not valid", false);
    taken.push(...some.map(({ id }) => id));
  });
  assert.deepEqual(taken.toSorted(), ["a", "c", "d"]);
  assert.deepEqual(
    refused.flatMap((it) => it.targets.map(({ id }) => id)),
    ["b", "e"],
  );
});

test("a look that IAM denies is told with the action that has to be allowed", async () => {
  const w = world();
  const denied = { kind: "fail", code: "AccessDenied" } as const;
  const fault = ({ name }: { name: string }) => (name === "describeLoadBalancers" ? denied : undefined);
  const provider = providerOf(w.aws, w.aws.connect({ fault }));
  await assert.rejects(
    provider.serve(modelOf(w.live.service), w.live.context),
    /AccessDenied.*; allow elasticloadbalancing:DescribeLoadBalancers to Tandem's role/,
  );
});
