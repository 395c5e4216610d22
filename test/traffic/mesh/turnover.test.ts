import assert from "node:assert/strict";
import { test } from "node:test";
import { createPeerModel } from "../../../src/traffic/mesh/index.ts";
import { type Modes, Turnover } from "../../../src/traffic/mesh/turnover.ts";
import { objectsOf } from "./text.ts";

/** A clock that stands still until it is told to go on. */
function clock() {
  let now = 0;
  let timers: { readonly at: number; readonly run: () => void }[] = [];
  return {
    later: (ms: number, run: () => void) => void timers.push({ at: now + ms, run }),
    pass: (ms: number) => {
      now += ms;
      const due = timers.filter(({ at }) => at <= now);
      timers = timers.filter(({ at }) => at > now);
      for (const { run } of due) run();
    },
  };
}

const modes = (mutualTls: Modes["mutualTls"], portMutualTls: Modes["portMutualTls"] = {}): Modes => ({
  mutualTls,
  portMutualTls,
});
const CALLERS = 2_000;
const SETTLED = 4_000;

/** What a pod goes through from one to the other: what it takes, and what callers speak, in three steps. */
function steps(from: Modes, to: Modes): { said: Modes[]; told: number } {
  const time = clock();
  let told = 0;
  const turnover = new Turnover(time.later, () => void told++);
  turnover.turn("a/pod", from);
  const said: Modes[] = [];
  for (const wait of [0, CALLERS, SETTLED]) {
    time.pass(wait);
    const { accepted, spoken } = turnover.turn("a/pod", to);
    said.push(accepted, spoken);
  }
  return { said, told };
}

for (const [from, to] of [
  ["disabled", "strict"],
  ["strict", "disabled"],
  ["permissive", "disabled"],
  ["disabled", "permissive"],
] as const)
  test(`from ${from} to ${to}: both are taken, then callers change over, then it is so`, () => {
    const both = modes("permissive");
    const [old, next] = [modes(from), modes(to)];
    assert.deepEqual(steps(old, next), { said: [both, old, both, next, next, next], told: 2 });
  });

test("what needs no steps is so at once", () => {
  for (const [from, to] of [
    [modes("permissive"), modes("strict")],
    [modes("strict"), modes("permissive")],
    [modes("permissive"), modes("permissive", { 80: "strict" })],
    [modes("disabled"), modes("disabled", { 80: "disabled" })],
  ] as const)
    assert.deepEqual(steps(from, to), { said: Array.from({ length: 6 }, () => to), told: 0 });
});

test("ports change by themselves", () => {
  const from = modes("strict", { 80: "disabled" });
  const to = modes("strict", { 80: "strict", 81: "disabled" });
  const both = modes("strict", { 80: "permissive", 81: "permissive" });
  assert.deepEqual(steps(from, to).said, [both, from, both, to, to, to]);
  const all = modes("disabled", { 80: "strict" });
  const open = modes("permissive", { 80: "strict" });
  assert.deepEqual(steps(all, modes("strict")).said.slice(0, 2), [open, all]);
});

test("a change that is taken back meanwhile ends where it began, and never fails who has changed over", () => {
  const time = clock();
  const turnover = new Turnover(time.later, () => {});
  const [strict, none, both] = [modes("strict"), modes("disabled"), modes("permissive")];
  const turn = (wanted: Modes) => Object.values(turnover.turn("a/pod", wanted));
  turn(strict);
  assert.deepEqual(turn(none), [both, strict]);
  time.pass(1_000);
  // callers have never spoken otherwise, but some may have, had the change come to them
  assert.deepEqual(turn(strict), [both, strict]);
  time.pass(1_500);
  assert.deepEqual(turn(strict), [both, strict]);
  time.pass(5_000);
  assert.deepEqual(turn(strict), [strict, strict]);
  assert.deepEqual(turn(none), [both, strict]);
  time.pass(CALLERS);
  assert.deepEqual(turn(none), [both, none]);
  assert.deepEqual(turn(strict), [both, none]);
  time.pass(CALLERS);
  assert.deepEqual(turn(strict), [both, strict]);
  time.pass(SETTLED);
  assert.deepEqual(turn(strict), [strict, strict]);
});

test("a pod begins with what policies say, also one of the name of another that was", () => {
  const time = clock();
  const turnover = new Turnover(time.later, () => {});
  const [strict, none] = [modes("strict"), modes("disabled")];
  assert.deepEqual(turnover.turn("a/pod", none), { accepted: none, spoken: none });
  turnover.drop("a/pod");
  assert.deepEqual(turnover.turn("a/pod", strict), { accepted: strict, spoken: strict });
  assert.deepEqual(turnover.turn("a/pod", none, true), { accepted: none, spoken: none });
  time.pass(CALLERS + SETTLED);
  assert.deepEqual(turnover.turn("a/pod", none), { accepted: none, spoken: none });
});

test("Gateways change over later, but for what they have not asked for yet", () => {
  const time = clock();
  const model = createPeerModel("cluster.local", time.later);
  let told = 0;
  model.onDirty(() => void told++);
  const take = (text: string, type = "added") => {
    for (const object of objectsOf(text)) model.on(object.kind as "Pod", { type, object } as never);
  };
  const isPeer = () => model.identityAt("demo/cart", 80) !== undefined;
  const policy = (mode: string) => `
kind: MeshPolicy
apiVersion: tandem.dev/v1alpha1
metadata: { name: policy, namespace: demo }
spec: { mutualTls: ${mode} }`;
  take(`
kind: Pod
metadata: { name: cart, namespace: demo }
spec: { initContainers: [{ name: tandem-proxy }], containers: [{ name: main }] }
status: { phase: Running, podIPs: [{ ip: 10.244.0.5 }, { ip: "fd00:10:244::5" }] }`);
  take(policy("Disabled"));
  assert.equal(isPeer(), false, "at the start the policy may come after the pod");
  model.takeChanges();
  take(policy("Strict"), "updated");
  assert.deepEqual([isPeer(), told, model.takeChanges().size], [false, 1, 0]);
  time.pass(CALLERS);
  assert.deepEqual([isPeer(), told, [...model.takeChanges()]], [true, 2, ["demo/cart"]]);
  time.pass(SETTLED);
  assert.deepEqual([isPeer(), told], [true, 2]);
});
