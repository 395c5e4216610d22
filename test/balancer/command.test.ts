import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { KINDS } from "../../src/objects/kinds.ts";
import { eventually } from "../controllers/cluster.ts";
import { CommandWorld, manifest, PREFIX } from "./command-world.ts";

/** The annotations of the document that this is made for. */
const ANNOTATIONS = {
  [`${PREFIX}-ip-address-type`]: "dualstack",
  [`${PREFIX}-scheme`]: "internet-facing",
  [`${PREFIX}-nlb-target-type`]: "instance",
  [`${PREFIX}-type`]: "external",
  [`${PREFIX}-proxy-protocol`]: "*",
};

describe("tandem balancer --provider=aws, with the real SDK against a fake AWS", () => {
  let world: CommandWorld;
  before(async () => {
    world = await CommandWorld.start();
  });
  after(() => world.close());

  test("a plan says what would be made and changes nothing; a typo is told with its field", async () => {
    const file = world.fileOf(manifest(ANNOTATIONS));
    const { code, out, err } = await world.run("plan", "-f", file, ...world.flags);
    assert.equal(code, 0, err);
    assert.match(out, /^Service default\/web: \d+ to create/);
    assert.match(out, /create LoadBalancer k8s-default-web-[0-9a-f]{10}/);
    assert.match(out, /dualstack/);
    assert.match(err, /^No uid yet, so that names will end differently in AWS: Service default\/web$/m);
    assert.deepEqual(world.aws.census(), {
      loadBalancers: 0,
      listeners: 0,
      targetGroups: 0,
      securityGroups: 1,
    });
    const bad = world.fileOf(manifest({ ...ANNOTATIONS, [`${PREFIX}-ip-address-type`]: "dual-stack" }));
    const refused = await world.run("plan", "-f", bad, ...world.flags);
    assert.equal(refused.code, 65);
    assert.match(
      refused.out,
      /error: metadata\.annotations\[.*ip-address-type\]: unknown IPAddressType: dual-stack/,
    );
    world.fileOf(manifest(ANNOTATIONS));
    const alone = await world.run("plan", "-f", file, "--provider=aws");
    assert.equal(alone.code, 0);
    assert.match(alone.out, /^Service default\/web: can be served\n/);
    assert.match(alone.err, /--vpc-id/);
    const nowhere = await world.run(
      "orphans",
      "--provider=aws",
      "--region=eu-west-1",
      world.flags.at(-1) ?? "",
    );
    assert.equal(nowhere.code, 64);
    assert.match(nowhere.err, /--vpc-id/);
  });

  test("the seed's Service gets a dual-stack load balancer, follows changes, and leaves nothing behind", async () => {
    const stop = await world.serve();
    await world.create(manifest(ANNOTATIONS));
    const served = await world.served();
    const [ingress] = served.status?.loadBalancer?.ingress ?? [];
    assert.match(
      ingress?.hostname ?? "",
      /^k8s-default-web-[0-9a-f]{10}-.*\.elb\.eu-west-1\.amazonaws\.com$/,
    );
    assert.deepEqual(ingress?.ports, [{ port: 80, protocol: "TCP" }]);
    const [balancer] = [...world.aws.world.loadBalancers.values()];
    assert.equal(balancer?.ipAddressType, "dualstack");
    const again = await world.run("plan", "-f", world.fileOf(manifest(ANNOTATIONS)), ...world.flags);
    assert.equal(again.out, "Service default/web: nothing to do\n");
    const without = await world.run(
      "plan",
      "-f",
      world.fileOf(manifest({}, { type: "ClusterIP" })),
      ...world.flags,
    );
    assert.match(
      without.out,
      /^Service default\/web: not ours: .*\n {2}warning: spec\.type: its load balancer at k8s-/,
    );
    assert.match(without.out, /amazonaws\.com is deleted once this is applied\n/);
    const slip = manifest({ ...ANNOTATIONS, [`${PREFIX}-nlb-target-type`]: "instnce" });
    const kept = await world.run("plan", "-f", world.fileOf(slip), ...world.flags);
    assert.match(kept.out, /amazonaws\.com stays as it is until this is mended\n?/);
    await eventually(
      () => world.events(),
      (events) => events.some(({ reason }) => reason === "SuccessfullyReconciled"),
    );
    await world.delete();
    const { loadBalancers, listeners, targetGroups } = world.aws.census();
    assert.deepEqual(
      { loadBalancers, listeners, targetGroups },
      { loadBalancers: 0, listeners: 0, targetGroups: 0 },
    );
    await stop();
  });

  test("what a Service left that vanished while nobody looked is an orphan, found and deleted", async () => {
    const stop = await world.serve();
    await world.create(manifest(ANNOTATIONS));
    await world.served();
    const none = await world.run("orphans", ...world.flags);
    assert.deepEqual([none.code, none.out], [0, "No orphans.\n"]);
    await stop();
    await world.patch("web", { metadata: { finalizers: null } });
    await world.delete();
    const found = await world.run("orphans", ...world.flags);
    assert.equal(found.code, 79);
    assert.match(found.out, /LoadBalancer +k8s-default-web-.*default\/web.*does not exist/);
    const deleted = await world.run("orphans", "--delete", ...world.flags);
    assert.equal(deleted.code, 0, deleted.err);
    const { loadBalancers, targetGroups } = world.aws.census();
    assert.deepEqual({ loadBalancers, targetGroups }, { loadBalancers: 0, targetGroups: 0 });
    assert.equal((await world.run("orphans", ...world.flags)).out, "No orphans.\n");
  });

  test("what a Service left that went without clean-up goes after the grace, and it is told", async () => {
    const stop = await world.serve("--orphans-older-than=2s");
    await world.create(manifest(ANNOTATIONS));
    await world.served();
    // protected: AWS refuses, so that the Service waits for its release
    const [balancer] = [...world.aws.world.loadBalancers.values()];
    Object.assign(balancer ?? assert.fail(), { endpointService: true });
    await world.cluster.client.delete(KINDS.Service, "web", "default");
    await eventually(
      () => world.get(),
      (service) => service?.metadata.deletionTimestamp !== undefined,
    );
    await world.patch("web", { metadata: { finalizers: null } });
    const told = await eventually(
      () => world.events(),
      (events) => events.some(({ reason }) => reason === "GoneWithoutCleanUp"),
    );
    assert.match(told.map(({ message }) => message).join("\n"), /it is removed in 1 min/);
    assert.equal(world.aws.census().loadBalancers, 1);
    Object.assign(balancer ?? assert.fail(), { endpointService: false });
    await eventually(
      async () => world.aws.census(),
      (census) => census.loadBalancers === 0 && census.securityGroups === 1,
    );
    await stop();
  });
});
