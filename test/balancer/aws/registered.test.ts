/** Target groups in which another cluster registers its own targets, on a fake AWS. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { readRegistered, REGISTERED_ANNOTATION } from "../../../src/balancer/aws/registered.ts";
import { usualAws } from "../fake-aws/fake.ts";
import { LiveService, nodeOf, providerOf, settle, settleRelease } from "./cluster.ts";

const ON = { "multi-cluster-target-group": "true" };
const ids = ["1", "2", "3", "4"].map((end) => `i-0aaaaaaaaaaaaaaa${end}`);
const [ONE = "", TWO = "", THREE = "", FOREIGN = ""] = ids;

/** A Service with nodes one and two, and an instance of another cluster beside them. */
async function shared() {
  const aws = usualAws();
  for (const id of [THREE, FOREIGN]) aws.addInstance({ id, subnetId: "subnet-a", groups: [aws.nodeGroup] });
  const live = new LiveService({ annotations: ON });
  await settle(providerOf(aws, aws.connect()), live, aws.clock);
  const [group] = aws.world.targetGroups.values();
  assert.ok(group);
  aws.now.registerTargets(group.arn, [{ id: FOREIGN, port: 31_000 }]);
  const targets = () => {
    const all = aws.now.describeTargetHealth(group.arn).filter(({ health }) => health !== "draining");
    return all.map(({ id }) => id).toSorted();
  };
  /** In a process of its own, as one that was started anew. */
  const run = async (...nodes: string[]) => {
    live.nodes = nodes.map(nodeOf);
    await settle(providerOf(aws, aws.connect()), live, aws.clock);
    aws.clock.advance(10 * 60_000);
  };
  return { aws, live, targets, run };
}

test("nodes that go are taken away, those of others stay, whatever process it is", async () => {
  const { targets, run, live } = await shared();
  assert.equal(live.annotations[REGISTERED_ANNOTATION], `{"30080":["${ONE}","${TWO}"]}`);
  await run(ONE, THREE);
  assert.deepEqual(targets(), [ONE, THREE, FOREIGN]);
  await run(THREE);
  assert.deepEqual(targets(), [THREE, FOREIGN]);
  assert.equal(live.annotations[REGISTERED_ANNOTATION], `{"30080":["${THREE}"]}`);
});

test("where it is switched off all others go, and nothing is remembered", async () => {
  const { targets, run, live } = await shared();
  live.apply({ annotations: {} });
  await run(ONE, TWO);
  assert.deepEqual(targets(), [ONE, TWO]);
  assert.equal(live.annotations[REGISTERED_ANNOTATION], undefined);
});

test("a release forgets them", async () => {
  const { aws, live } = await shared();
  await settleRelease(providerOf(aws, aws.connect()), live, aws.clock);
  assert.equal(live.annotations[REGISTERED_ANNOTATION], undefined);
});

test("what cannot be read is no memory", () => {
  for (const text of ["", "[", "1", '"x"', '{"80":"i-1"}', "null"])
    assert.deepEqual([...readRegistered({ [REGISTERED_ANNOTATION]: text })], [], text);
});
