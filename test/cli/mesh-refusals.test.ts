import assert from "node:assert/strict";
import { test } from "node:test";
import type { Nack, StreamStatus } from "../../src/envoy/ads/index.ts";
import { Refusals } from "../../src/cli/mesh/refusals.ts";

const NACK: Nack = {
  proxy: "demo/cart",
  node: "sidecar~demo/cart",
  kind: "listener",
  name: "virtualInbound",
  message: "no such filter",
  version: "1",
  origins: [
    "Pod/demo/cart",
    "AuthorizationPolicy/demo/who#rules[0]",
    "AuthorizationPolicy/demo/who#rules[1]",
  ],
};

/** Refusals beside a fake xDS server, whose streams refuse these listeners. */
function refusalsBeside(refusedNow: () => readonly string[]) {
  const told: [string, Record<string, string>][] = [];
  const events: string[] = [];
  const status = (): StreamStatus[] => {
    const refused = refusedNow().map((name) => ({ name, version: "1", message: "" }));
    const kinds = new Proxy({}, { get: (_, kind) => ({ refused: kind === "listener" ? refused : [] }) });
    return [{ kinds } as unknown as StreamStatus];
  };
  const refusals = new Refusals({
    ads: { applied: () => Promise.resolve(), status },
    model: { setRefused: (sidecar, messages) => told.push([sidecar, Object.fromEntries(messages)]) },
    record: (object, reason) => events.push(`${object} ${reason}`),
    log: () => {},
  });
  return { refusals, told, events };
}

test("what a sidecar refuses is told to each object that it comes from, once", () => {
  const { refusals, told, events } = refusalsBeside(() => []);
  refusals.add(NACK);
  assert.deepEqual(events, ["Pod/demo/cart Refused", "AuthorizationPolicy/demo/who Refused"]);
  assert.deepEqual(told, [
    ["demo/cart", { "Pod/demo/cart": "no such filter", "AuthorizationPolicy/demo/who": "no such filter" }],
  ]);
});

test("it is taken back when the sidecar has taken another version in, and not before", async () => {
  let refused = ["virtualInbound"];
  const { refusals, told } = refusalsBeside(() => refused);
  refusals.add(NACK);
  await refusals.recheck("demo/cart");
  assert.equal(Object.keys(told.at(-1)?.[1] ?? {}).length, 2);
  refused = [];
  await refusals.recheck("demo/cart");
  assert.deepEqual(told.at(-1), ["demo/cart", {}]);
});

test("a resource that is made of very many objects blames none of them", () => {
  const { refusals, told, events } = refusalsBeside(() => []);
  const origins = Array.from({ length: 50 }, (_, index) => `Service/demo/s${index}`);
  refusals.add({ ...NACK, kind: "route", name: "80", origins });
  assert.deepEqual(events, []);
  assert.deepEqual(told, [["demo/cart", {}]]);
});
