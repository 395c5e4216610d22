import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Refusals } from "../../src/cli/mesh/refusals.ts";
import { RouteRefusals } from "../../src/cli/mesh/route-refusals.ts";
import type { Nack, StreamStatus } from "../../src/envoy/ads/index.ts";
import type { RouteStatus } from "../../src/objects/gateway/index.ts";

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
function refusalsBeside(refusedNow: () => readonly string[], specs: Readonly<Record<string, object>> = {}) {
  const told: [string, Record<string, string>][] = [];
  const events: string[] = [];
  const status = (): StreamStatus[] => {
    const refused = refusedNow().map((name) => ({ name, version: "1", message: "" }));
    const kinds = new Proxy({}, { get: (_, kind) => ({ refused: kind === "listener" ? refused : [] }) });
    return [{ kinds, node: NACK.node } as unknown as StreamStatus];
  };
  const refusals = new Refusals({
    ads: { applied: () => Promise.resolve(), status },
    setRefused: (sidecar, messages) => told.push([sidecar, Object.fromEntries(messages)]),
    specOf: (object) => specs[object],
    podOf: (node) => node,
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

test("of a route table's objects the routes are told, and of many routes those that say what Envoy quotes", () => {
  const services = Array.from({ length: 50 }, (_, index) => `Service/demo/s${index}`);
  const routes = Array.from({ length: 9 }, (_, index) => `HTTPRoute/demo/r${index}`);
  const message = "regex '/a\\d{9}' RE2 program size of 57 > max program size of 20";
  const nack: Nack = { ...NACK, kind: "route", name: "80", message, origins: [...services, ...routes] };
  const few = refusalsBeside(() => []);
  few.refusals.add({ ...nack, origins: [...services, "HTTPRoute/demo/r1#rules[0]"] });
  assert.deepEqual(few.events, ["HTTPRoute/demo/r1 Refused"]);
  const nobody = refusalsBeside(() => []);
  nobody.refusals.add(nack);
  assert.deepEqual(nobody.events, []);
  const spec = { rules: [{ matches: [{ path: { type: "RegularExpression", value: "/a\\d{9}" } }] }] };
  const quoted = refusalsBeside(() => [], { "HTTPRoute/demo/r7": spec, "HTTPRoute/demo/r8": {} });
  quoted.refusals.add(nack);
  assert.deepEqual(quoted.events, ["HTTPRoute/demo/r7 Refused"]);
  assert.deepEqual(quoted.told, [["demo/cart", { "HTTPRoute/demo/r7": message }]]);
});

describe("the status of a route that sidecars refuse", () => {
  const OURS = "tandem.dev/mesh-controller";
  const parent = (controllerName: string, conditions: object[]) => ({
    parentRef: { name: "web" },
    controllerName,
    conditions,
  });
  const wish = {
    parents: [
      parent("other.dev/controller", [{ type: "Accepted", status: "True" }]),
      parent(OURS, [
        { type: "Accepted", status: "True", reason: "Accepted", message: "", observedGeneration: 3 },
        { type: "ResolvedRefs", status: "True" },
      ]),
    ],
  } as unknown as RouteStatus;
  const acceptedOf = ({ parents }: RouteStatus) =>
    parents.map(({ conditions }) => conditions.find(({ type }) => type === "Accepted"));

  test("says so for our parents alone, with a sidecar and its words, until the last one has taken it", () => {
    const changed: string[] = [];
    const refusals = new RouteRefusals(OURS, (route) => changed.push(route));
    const id = "HTTPRoute/demo/r";
    assert.equal(refusals.amend(id, wish), wish);
    refusals.setRefused(
      "demo/b",
      new Map([
        [id, "too long"],
        ["Pod/demo/b", "too long"],
      ]),
    );
    const [other, ours] = acceptedOf(refusals.amend(id, wish));
    assert.equal(other?.status, "True");
    assert.deepEqual(ours, {
      type: "Accepted",
      status: "False",
      reason: "UnsupportedValue",
      message: "the sidecar of demo/b refuses it: too long",
      observedGeneration: 3,
    });
    refusals.setRefused("demo/c", new Map([[id, "too long"]]));
    refusals.setRefused("demo/c", new Map([[id, "too long"]]));
    assert.match(
      acceptedOf(refusals.amend(id, wish))[1]?.message ?? "",
      /^the sidecars of demo\/b and others/,
    );
    refusals.setRefused("demo/b", new Map());
    assert.equal(
      acceptedOf(refusals.amend(id, wish))[1]?.message,
      "the sidecar of demo/c refuses it: too long",
    );
    refusals.setRefused("demo/c", new Map());
    assert.equal(refusals.amend(id, wish), wish);
    assert.deepEqual(changed, [id, id, id, id]);
  });
});
