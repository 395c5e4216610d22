import assert from "node:assert/strict";
import { test } from "node:test";
import { AwsError } from "../../../src/balancer/aws/api.ts";
import { throttled, TokenBucket } from "../../../src/balancer/aws/throttle.ts";
import { FakeClock, usualAws } from "../fake-aws/fake.ts";

/** A clock whose pauses are noted and move it on. */
function noting() {
  const clock = new FakeClock(0);
  const pauses: number[] = [];
  const pause = (milliseconds: number): Promise<void> => {
    pauses.push(Math.round(milliseconds));
    return clock.sleep(milliseconds);
  };
  return { clock: { now: clock.now, pause }, advance: (ms: number) => clock.advance(ms), pauses };
}

test("a bucket gives a burst at once, then its rate, and fills again", async () => {
  const { clock, advance, pauses } = noting();
  const bucket = new TokenBucket({ perSecond: 4, burst: 3 }, clock);
  for (let call = 0; call < 5; call++) await bucket.take();
  assert.deepEqual(pauses, [250, 250]);
  advance(10_000);
  for (let call = 0; call < 4; call++) await bucket.take();
  assert.deepEqual(pauses, [250, 250, 250]);
});

test("kinds of calls have rates of their own; tags cost a token for every twenty things", async () => {
  const { clock, pauses } = noting();
  const wide = { perSecond: 1000, burst: 1000 };
  const api = usualAws().connect();
  const rates = { describe: { perSecond: 10, burst: 1 }, modify: wide, register: wide };
  const describe = throttled(api, clock, () => 0.5, rates);
  await describe.describeTags([]).catch(() => undefined);
  assert.deepEqual(pauses, []);
  const arns = Array.from({ length: 41 }, (_, index) => `arn:${index}`);
  await assert.rejects(describe.describeTags(arns), AwsError);
  assert.deepEqual(pauses.slice(0, 3), [100, 100]);
  await describe.deleteTargetGroup("arn:none");
  assert.equal(pauses.length, 2);
});

test("throttled calls are made again, four times in all, with growing and jittered pauses; others are not", async () => {
  for (const [code, calls] of [
    ["Throttling", 4],
    ["RequestLimitExceeded", 4],
    ["InternalFailure", 1],
    ["TimedOut", 1],
  ] as const) {
    const { clock, pauses } = noting();
    const connection = usualAws().connect({ fault: () => ({ kind: "fail", code }) });
    const api = throttled(connection, clock, () => 0.25);
    await assert.rejects(api.describeLoadBalancers(), { code });
    assert.equal(connection.calls.length, calls);
    assert.deepEqual(pauses, [188, 375, 750].slice(0, calls - 1));
  }
});

test("a call that is throttled once succeeds", async () => {
  const { clock } = noting();
  const connection = usualAws().connect({
    fault: ({ index }) => (index === 0 ? { kind: "throttle" } : undefined),
  });
  const api = throttled(connection, clock, () => 0.5);
  assert.deepEqual(await api.describeLoadBalancers(), []);
});
