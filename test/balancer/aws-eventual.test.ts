import assert from "node:assert/strict";
import { test } from "node:test";
import { LiveService, providerOf, settle, settleRelease } from "./aws/cluster.ts";
import { usualAws } from "./fake-aws/fake.ts";

test("a security group that EC2 shows only later is made once", async () => {
  const aws = usualAws({ groupVisibleAfterMs: 3_000 });
  const connection = aws.connect();
  const provider = providerOf(aws, connection);
  const live = new LiveService();
  const before = aws.census();
  await settle(provider, live, aws.clock);
  const { loadBalancers, securityGroups } = aws.census();
  assert.deepEqual([loadBalancers, securityGroups - before.securityGroups], [1, 2]);
  await settleRelease(provider, live, aws.clock);
  assert.deepEqual(aws.census(), before);
});
