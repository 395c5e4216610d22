/** Two clusters that were given one name, in one VPC of a fake AWS. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { UserError } from "../../../src/errors/user-error.ts";
import { type FakeAws, usualAws } from "../fake-aws/fake.ts";
import { HTTPS, LiveService, modelOf, nodeOf, providerOf, settle, settleRelease } from "./cluster.ts";

const TAG = "tandem.dev/cluster-uid";

const of = (aws: FakeAws, clusterUid?: string, formerUids: string[] = []) =>
  providerOf(aws, aws.connect(), { clusterUid, formerUids });

/** What a cluster of another uid has made, and a Service of a newcomer. */
async function taken() {
  const aws = usualAws();
  const first = new LiveService({ uid: "uid-of-first" });
  await settle(of(aws, "uid-a"), first, aws.clock);
  return { aws, first, newcomer: new LiveService({ name: "api" }) };
}

const rules = (aws: FakeAws & { nodeGroup: string }) => aws.world.groups.get(aws.nodeGroup)?.rules ?? [];
const uids = (aws: FakeAws) => [...aws.world.loadBalancers.values()].map(({ tags }) => tags[TAG]);
const REFUSED =
  /another cluster works under the name shoot--dev--one in this VPC: LoadBalancer k8s-default-web-\w+ is tagged tandem\.dev\/cluster-uid=uid-a/;

test("all but the shared group is tagged with the cluster's uid, once and for all", async () => {
  const { aws, first } = await taken();
  const { loadBalancers, targetGroups, groups } = aws.world;
  const things = [...loadBalancers.values(), ...targetGroups.values(), ...groups.values()];
  const ours = things.filter(({ tags }) => tags["tandem.dev/managed-by"] === "tandem");
  const without = ours.filter(({ tags }) => tags[TAG] !== "uid-a").map(({ name }) => name);
  assert.deepEqual(
    without.map((name) => name.replace(/-[0-9a-f]{10}$/, "")),
    ["tandem-traffic-shoot--dev--one"],
  );
  const calm = await of(aws, "uid-a").serve(modelOf(first.service), first.context);
  assert.deepEqual([calm.done, calm.events], [true, []]);
});

test("a newcomer makes nothing, deletes nothing, and says why and what to do", async () => {
  const { aws, newcomer } = await taken();
  const before = aws.census();
  const provider = of(aws, "uid-b");
  const outcome = await provider.serve(modelOf(newcomer.service), newcomer.context);
  const [event] = outcome.events;
  assert.equal(event?.reason, "FailedBuildModel");
  assert.match(event.message, REFUSED);
  assert.match(event.message, /--cluster-name of its own; .*--former-cluster-uid=uid-a$/);
  assert.deepEqual([outcome.ingress, outcome.done, aws.census()], [undefined, false, before]);
  await assert.rejects(provider.orphans(new Map(), newcomer.signal), (error: unknown) => {
    assert.ok(error instanceof UserError);
    assert.match(error.message, REFUSED);
    assert.match(error.message, /where: flag --cluster-name, value "shoot--dev--one"/);
    return true;
  });
});

test("the first one goes on, and finds its own orphans only once the other has another name", async () => {
  const { aws, first, newcomer } = await taken();
  // as if both had begun at once
  await settle(of(aws, "uid-b", ["uid-a"]), newcomer, aws.clock);
  assert.deepEqual(uids(aws), ["uid-a", "uid-b"]);
  aws.addInstance({ id: "i-0aaaaaaaaaaaaaaa3", subnetId: "subnet-a", groups: [aws.nodeGroup] });
  first.nodes = [...first.nodes, nodeOf("i-0aaaaaaaaaaaaaaa3")];
  const provider = of(aws, "uid-a");
  await settle(provider, first, aws.clock);
  const targets = [...aws.world.targetGroups.values()].map((group) => group.targets.size);
  assert.deepEqual(targets.toSorted(), [2, 3]);
  await assert.rejects(provider.orphans(new Map(), first.signal), /uid-b/);
});

test("what one cluster lets go takes no rule from the nodes that the other needs", async () => {
  const { aws, first, newcomer } = await taken();
  const other = new LiveService({ name: "api", ports: [HTTPS] });
  await settle(of(aws, "uid-b", ["uid-a"]), other, aws.clock);
  const wide = rules(aws);
  await settleRelease(of(aws, "uid-a"), first, aws.clock);
  assert.deepEqual(uids(aws), ["uid-b"]);
  assert.deepEqual(rules(aws), wide);
  assert.equal(newcomer.hostname, undefined);
});

test("what a cluster left that is no more can be taken over, and is found as orphans", async () => {
  const { aws, newcomer } = await taken();
  const provider = of(aws, "uid-b", ["uid-a"]);
  await settle(provider, newcomer, aws.clock);
  const live = new Map([[newcomer.key, newcomer.uid]]);
  const orphans = await provider.orphans(live, newcomer.signal);
  assert.deepEqual(
    orphans.map(({ kind, service }) => `${kind} ${service}`),
    ["LoadBalancer default/web", "TargetGroup default/web", "SecurityGroup default/web"],
  );
  for (let left = orphans; left.length > 0; aws.clock.advance(60_000)) {
    const deleted = await provider.deleteOrphans(left, newcomer.signal);
    left = deleted.filter(({ error }) => error !== undefined).map(({ orphan }) => orphan);
  }
  assert.deepEqual(uids(aws), ["uid-b"]);
});

test("what was made before uids were tagged is the cluster's own, and is tagged", async () => {
  const aws = usualAws();
  const live = new LiveService();
  await settle(of(aws), live, aws.clock);
  assert.deepEqual(uids(aws), [undefined]);
  await settle(of(aws, "uid-a"), live, aws.clock);
  assert.deepEqual([uids(aws), aws.census().loadBalancers], [["uid-a"], 1]);
  // a process that may not read the uid leaves the tag
  await settle(of(aws), live, aws.clock);
  assert.deepEqual(uids(aws), ["uid-a"]);
});
