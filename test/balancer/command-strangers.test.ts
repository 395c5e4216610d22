import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { KINDS } from "../../src/objects/kinds.ts";
import type { Namespace } from "../../src/objects/types.ts";
import { CommandWorld, manifest, PREFIX } from "./command-world.ts";

const TAG = "tandem.dev/cluster-uid";

describe("tandem balancer beside another cluster of its name", () => {
  let world: CommandWorld;
  before(async () => {
    world = await CommandWorld.start();
  });
  after(() => world.close());

  test("what it makes has the uid of kube-system; orphans beside another's are refused, until it is taken over", async () => {
    await world.create(
      manifest({ [`${PREFIX}-type`]: "external", [`${PREFIX}-nlb-target-type`]: "instance" }),
    );
    const stop = await world.serve();
    await world.served();
    await stop();
    const balancer = [...world.aws.world.loadBalancers.values()][0] ?? assert.fail();
    const { metadata } = await world.cluster.client.get<Namespace>(KINDS.Namespace, "kube-system");
    assert.equal(balancer.tags[TAG], metadata.uid);
    assert.deepEqual(await world.run("orphans", ...world.flags), { code: 0, out: "No orphans.\n", err: "" });

    balancer.tags[TAG] = "another";
    const refused = await world.run("orphans", "--delete", ...world.flags);
    assert.equal(refused.code, 65);
    assert.match(
      refused.err,
      /another cluster works under the name test in this VPC: LoadBalancer k8s-default-web-/,
    );
    assert.match(refused.err, /next: .*--former-cluster-uid=another/);
    const taken = await world.run("orphans", "--former-cluster-uid=another", ...world.flags);
    assert.deepEqual([taken.code, taken.out], [0, "No orphans.\n"]);
  });
});
