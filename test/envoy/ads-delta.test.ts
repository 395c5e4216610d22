import assert from "node:assert/strict";
import { test } from "node:test";
import { namesInError } from "../../src/envoy/ads/acknowledge.ts";
import { oldestMissing } from "../../src/envoy/ads/progress.ts";
import type { ResourceKind } from "../../src/envoy/resources.ts";
import { createStream, make } from "./ads-stream.ts";

test("who asks for everything is answered even if there is nothing, once", () => {
  const stream = createStream([]);
  assert.deepEqual(stream.receive("cluster"), ["cluster"]);
  assert.deepEqual(stream.accept("cluster"), []);
  assert.deepEqual(stream.set(make("cluster", "a", "1")), ["cluster a@1"]);
});

test("while a response is not answered nothing of its kind is sent, and then only the newest", () => {
  const stream = createStream([make("listener", "l", "1")]);
  assert.deepEqual(stream.receive("listener"), ["listener l@1"]);
  assert.deepEqual(stream.set(make("listener", "l", "2")), []);
  assert.deepEqual(stream.set(make("listener", "l", "3")), []);
  assert.deepEqual(stream.accept("listener"), ["listener l@3"]);
});

test("a name that does not exist is said to be missing, once, and sent when it appears", () => {
  const stream = createStream([]);
  assert.deepEqual(stream.receive("endpoint", { subscribe: ["a"] }), ["endpoint -a"]);
  assert.deepEqual(stream.accept("endpoint"), []);
  assert.deepEqual(stream.set(make("endpoint", "a", "1"), make("endpoint", "other", "1")), ["endpoint a@1"]);
});

test("a subscription that comes with the answer to an old response counts, the answer does not", () => {
  const stream = createStream([make("endpoint", "a", "1"), make("endpoint", "b", "1")]);
  assert.deepEqual(stream.receive("endpoint", { subscribe: ["a"] }), ["endpoint a@1"]);
  assert.deepEqual(stream.receive("endpoint", { subscribe: ["b"], nonce: "no such", error: "no" }), []);
  assert.equal(stream.view.kinds.endpoint.rejected.size, 0);
  assert.deepEqual(stream.accept("endpoint"), ["endpoint b@1"]);
});

test("what is unsubscribed is not sent; what is asked for again is", () => {
  const stream = createStream([make("endpoint", "a", "1")]);
  stream.receive("endpoint", { subscribe: ["a"] });
  stream.accept("endpoint");
  assert.deepEqual(stream.receive("endpoint", { subscribe: ["a"] }), ["endpoint a@1"]);
  stream.accept("endpoint");
  stream.receive("endpoint", { unsubscribe: ["a"] });
  assert.deepEqual(stream.set(make("endpoint", "a", "2")), []);
});

test("a client that comes back gets the differences only, removals last", () => {
  const stream = createStream([
    make("cluster", "same", "1"),
    make("cluster", "new", "2"),
    make("route", "r", "1", { needsClusters: ["same"] }),
  ]);
  const versions = (entries: Readonly<Record<string, string>>) => new Map(Object.entries(entries));
  stream.receive("cluster", { initialVersions: versions({ same: "1", new: "1", gone: "1" }) });
  assert.equal(stream.view.kinds.cluster.inFlight[0]?.items.size, 1, "gone stays: routes are not known yet");
  stream.receive("listener", { initialVersions: versions({}) });
  stream.accept("listener");
  const nonce = stream.view.kinds.cluster.inFlight[0]?.nonce ?? "";
  stream.receive("cluster", { nonce });
  assert.deepEqual(stream.receive("route", { subscribe: ["r"], initialVersions: versions({ r: "1" }) }), [
    "cluster -gone",
  ]);
});

test("a route waits for its cluster's endpoints, and an old cluster for the route's answer", () => {
  const stream = createStream([make("route", "r", "1")]);
  stream.receive("cluster");
  stream.accept("cluster");
  stream.receive("route", { subscribe: ["r"] });
  stream.accept("route");
  const two = make("route", "r", "2", { needsClusters: ["a"] });
  assert.deepEqual(stream.set(two, make("cluster", "a", "1"), make("endpoint", "a", "1")), ["cluster a@1"]);
  assert.deepEqual(stream.accept("cluster"), []);
  assert.deepEqual(stream.receive("endpoint", { subscribe: ["a"] }), ["endpoint a@1"]);
  assert.equal(oldestMissing(stream.view, 0), 2);
  assert.deepEqual(stream.accept("endpoint"), ["route r@2"]);
  assert.deepEqual(stream.accept("route"), []);
  assert.equal(oldestMissing(stream.view, 0), Number.POSITIVE_INFINITY);

  assert.deepEqual(stream.set(make("route", "r", "3"), { kind: "cluster", name: "a" }), ["route r@3"]);
  assert.deepEqual(stream.accept("route"), ["cluster -a"]);
});

test("what a client does not ask for counts as missing for five seconds", () => {
  const stream = createStream([]);
  stream.receive("cluster");
  stream.accept("cluster");
  stream.set(make("cluster", "a", "1"), make("endpoint", "a", "1"));
  stream.accept("cluster");
  stream.wait(4_999);
  assert.notEqual(oldestMissing(stream.view, 4_999), Number.POSITIVE_INFINITY);
  stream.wait(1);
  assert.equal(oldestMissing(stream.view, 5_000), Number.POSITIVE_INFINITY);
});

test("a wait ends after five seconds; a refused cluster is not waited for", () => {
  const stream = createStream([make("route", "r", "1", { needsClusters: ["nowhere"] })]);
  stream.receive("cluster");
  stream.accept("cluster");
  assert.deepEqual(stream.receive("route", { subscribe: ["r"] }), []);
  assert.deepEqual(stream.wait(4_999), []);
  assert.deepEqual(stream.wait(1), ["route r@1"]);
  stream.accept("route");

  const two = make("route", "r", "2", { needsClusters: ["bad"] });
  assert.deepEqual(stream.set(two, make("cluster", "bad", "1")), ["cluster bad@1"]);
  const answer = { nonce: stream.nonces.at(-1) ?? "", error: "Error adding/updating cluster(s) bad: why" };
  assert.deepEqual(stream.receive("cluster", answer), ["cluster -bad", "route r@2"]);
});

test("steady change does not starve: the version that waits goes out as soon as its own cluster is there", () => {
  const stream = createStream([make("route", "r", "0")]);
  stream.receive("cluster");
  stream.accept("cluster");
  stream.receive("route", { subscribe: ["r"] });
  stream.accept("route");
  stream.set(make("cluster", "a", "1"), make("route", "r", "1", { needsClusters: ["a"] }));
  assert.deepEqual(
    stream.set(make("cluster", "b", "1"), make("route", "r", "2", { needsClusters: ["a", "b"] })),
    [],
  );
  assert.deepEqual(stream.accept("cluster"), ["cluster b@1", "route r@1"]);
});

test("an updated cluster takes its endpoints along, and one slow cluster does not stop others", () => {
  const stream = createStream([make("cluster", "a", "1"), make("endpoint", "a", "1")]);
  stream.receive("cluster");
  stream.accept("cluster");
  stream.receive("endpoint", { subscribe: ["a"] });
  stream.accept("endpoint");
  assert.deepEqual(stream.set(make("cluster", "a", "2")), ["cluster a@2", "endpoint a@1"]);
  stream.accept("endpoint");
  assert.deepEqual(stream.set(make("cluster", "b", "1")), []);
  assert.deepEqual(stream.wait(250), ["cluster b@1"]);
});

test("a response refused without a name is sent again in halves", () => {
  const names = ["a", "b", "c", "bad"];
  const stream = createStream(names.map((name) => make("listener", name, "1")));
  const refuse = () => stream.receive("listener", { nonce: stream.nonces.at(-1) ?? "", error: "invalid" });
  assert.deepEqual(stream.receive("listener"), ["listener a@1 b@1 c@1 bad@1"]);
  assert.deepEqual(refuse(), ["listener a@1 b@1"]);
  assert.deepEqual(stream.accept("listener"), ["listener c@1 bad@1"]);
  assert.deepEqual(refuse(), ["listener c@1"]);
  assert.deepEqual(stream.accept("listener"), ["listener bad@1"]);
  assert.deepEqual(refuse(), []);
  assert.deepEqual([...stream.view.kinds.listener.rejected], ["bad"]);
  assert.deepEqual(stream.set(make("listener", "bad", "2")), ["listener bad@2"]);
  stream.accept("listener");
  assert.equal(stream.view.kinds.listener.rejected.size, 0);
});

test("the names in Envoy's error texts", () => {
  const cases: [ResourceKind, string, string[], [string, string][]][] = [
    [
      "cluster",
      "Error adding/updating cluster(s) a: x: y, a/b: z",
      ["a", "a/b"],
      [
        ["a", "x: y"],
        ["a/b", "z"],
      ],
    ],
    ["cluster", "Error adding/updating cluster(s) ab: x", ["b"], []],
    [
      "listener",
      "Error adding/updating listener(s) l1: no\nl2: bad, l1: not a name\n",
      ["l1", "l2"],
      [
        ["l1", "no"],
        ["l2", "bad, l1: not a name"],
      ],
    ],
    ["listener", "Proto constraint validation failed (…)", ["l1"], []],
    ["route", "Error adding/updating cluster(s) r: x", ["r"], []],
  ];
  for (const [kind, text, sent, expected] of cases) {
    assert.deepEqual([...namesInError(kind, text, sent)], expected, text);
  }
});
