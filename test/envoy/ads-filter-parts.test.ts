/** Filters as resources (ECDS): what virtual hosts name of them is there before, and goes after. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createStream, make } from "./ads-stream.ts";

const filter = (version: string, parts: string[], needsClusters: string[] = []) =>
  make("filter", "f", version, { parts, needsClusters });
const host = (version: string, needsParts: string[] = []) =>
  make("virtualHost", "t/h", version, { needsParts });
const table = make("route", "t", "1", { hostsApart: true });
const listener = make("listener", "l", "1", { needsRoutes: ["t"] });

/** A client with a listener, its table and a host; nothing of a filter is there but what is given. */
function createClient(...more: Parameters<typeof createStream>[0]) {
  const stream = createStream([listener, table, host("1"), ...more]);
  stream.receive("cluster", { subscribe: ["*"] });
  stream.receive("listener", { subscribe: ["*"] });
  stream.accept("listener");
  stream.receive("filter", { subscribe: ["f"] });
  stream.accept("filter");
  stream.receive("route", { subscribe: ["t"] });
  stream.accept("route");
  stream.receive("virtualHost", { subscribe: [] });
  for (const nonce of [...stream.nonces])
    for (const kind of ["virtualHost", "route", "cluster"] as const) stream.receive(kind, { nonce });
  assert.deepEqual(stream.sent(), []);
  return stream;
}

test("a filter goes out before the hosts that name something new of it", () => {
  const stream = createClient();
  assert.deepEqual(stream.set(host("2", ["a"]), filter("1", ["a"])), ["filter f@1", "virtualHost t/h@2"]);
});

test("a host waits for a filter that waits for its cluster", () => {
  const stream = createClient();
  const sent = stream.set(make("cluster", "c", "1"), host("2", ["a"]), filter("1", ["a"], ["c"]));
  assert.deepEqual(sent, ["cluster c@1"]);
  assert.deepEqual(stream.accept("cluster"), ["filter f@1", "virtualHost t/h@2"]);
});

test("a filter gives up what no host names any more, and goes after the last one", () => {
  const stream = createClient(filter("1", ["a", "b"]));
  stream.set(host("2", ["a", "b"]));
  stream.accept("virtualHost");
  assert.deepEqual(stream.set(filter("2", ["a"]), host("3", ["a"])), ["virtualHost t/h@3"]);
  assert.deepEqual(stream.accept("virtualHost"), ["filter f@2"]);
  stream.accept("filter");
  assert.deepEqual(stream.set({ kind: "filter", name: "f" }, host("4")), ["virtualHost t/h@4"]);
  assert.deepEqual(stream.accept("virtualHost"), ["filter -f"]);
});

test("what brings something new waits for nobody, and no wait is for ever", () => {
  const stream = createClient(filter("1", ["a"]));
  stream.set(host("2", ["a"]));
  stream.accept("virtualHost");
  assert.deepEqual(stream.set(filter("2", ["b"])), ["filter f@2"]);
  stream.accept("filter");
  stream.set(host("3", ["b"]));
  stream.accept("virtualHost");
  assert.deepEqual(stream.set(filter("3", [])), []);
  assert.deepEqual(stream.wait(4_999), []);
  assert.deepEqual(stream.wait(1), ["filter f@3"]);
});

test("a filter that is refused is taken back: to what it was, or to nothing", () => {
  const stream = createClient();
  assert.deepEqual(stream.set(filter("1", ["a"])), ["filter f@1"]);
  const refuse = () => stream.receive("filter", { nonce: stream.nonces.at(-1) ?? "", error: "bad" });
  assert.deepEqual(refuse(), ["filter -f"]);
  assert.deepEqual(stream.accept("filter"), []);
  assert.deepEqual([...stream.view.kinds.filter.rejected], ["f"]);
  assert.deepEqual(stream.set(filter("2", ["a"])), ["filter f@2"]);
  assert.deepEqual(stream.accept("filter"), []);
  assert.deepEqual(stream.set(filter("3", ["a"])), ["filter f@3"]);
  assert.deepEqual(refuse(), ["filter f@2"]);
  assert.deepEqual(stream.accept("filter"), []);
});
