/** What is refused, or never answered, holds up nothing else; and what is told of it is what is wrong. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { DELTA } from "../../src/envoy/ads/delta.ts";
import { oldestMissing } from "../../src/envoy/ads/progress.ts";
import { request } from "./ads-fake-client.ts";
import { createStream, make } from "./ads-stream.ts";

test("a cluster that keeps Envoy from answering is taken back after two seconds, and tried again once", () => {
  const stream = createStream([make("cluster", "a", "1"), make("endpoint", "a", "1")]);
  assert.deepEqual(stream.receive("cluster"), ["cluster a@1"]);
  assert.deepEqual(stream.wait(1_999), []);
  assert.deepEqual(stream.wait(1), ["cluster -a"]);
  assert.deepEqual(stream.receive("cluster", { nonce: stream.nonces[0] ?? "" }), []);
  assert.deepEqual(stream.receive("cluster", { nonce: stream.nonces[1] ?? "" }), ["cluster a@1"]);
  assert.deepEqual(stream.wait(5_000), []);
  assert.deepEqual(stream.wait(5_000), []);
});

test("for a cluster whose endpoints were asked for nothing is taken back: it only warms", () => {
  const stream = createStream([make("cluster", "a", "1"), make("endpoint", "a", "1")]);
  stream.receive("cluster");
  stream.receive("endpoint", { subscribe: ["a"] });
  assert.deepEqual(stream.wait(60_000), []);
});

test("endpoints of a refused cluster are not waited for: no client asks for them", () => {
  const stream = createStream([]);
  stream.receive("cluster");
  stream.accept("cluster");
  stream.set(make("cluster", "bad", "1"), make("endpoint", "bad", "1"));
  const error = "Error adding/updating cluster(s) bad: why";
  assert.deepEqual(stream.receive("cluster", { nonce: stream.nonces.at(-1) ?? "", error }), ["cluster -bad"]);
  assert.deepEqual(stream.accept("cluster"), []);
  assert.equal(oldestMissing(stream.view, 0), Number.POSITIVE_INFINITY);
});

test("a refusal is told without the resource itself, which Envoy writes before what is wrong", () => {
  const stream = createStream([make("listener", "l", "1", { origins: ["HTTPRoute shop/cart"] })]);
  stream.receive("listener");
  const wrong = 'Proto constraint validation failed (field: "name", reason: is required)';
  const error = `goo.gle/debugonly  {\n  name: "secret"\n}\n: ${wrong}`;
  const answer = DELTA.receive(stream.view, request("listener", { nonce: stream.nonces[0] ?? "", error }), 0);
  const refused = {
    kind: "listener",
    name: "l",
    message: wrong,
    version: "1",
    origins: ["HTTPRoute shop/cart"],
  };
  assert.deepEqual(answer, { type: "refused", refused: [refused] });
});

test("a refused version is not sent again, and the one before stays in force", () => {
  const stream = createStream([make("listener", "l", "1")]);
  stream.receive("listener");
  stream.accept("listener");
  stream.set(make("listener", "l", "2"));
  const error = "Error adding/updating listener(s) l: why";
  assert.deepEqual(stream.receive("listener", { nonce: stream.nonces.at(-1) ?? "", error }), []);
  const entry = stream.view.kinds.listener.entries.get("l");
  assert.equal(entry?.inForce?.version, "1");
  assert.deepEqual(stream.set(make("listener", "other", "1")), ["listener other@1"]);
  assert.deepEqual(stream.accept("listener"), []);
  assert.deepEqual([...stream.view.kinds.listener.rejected], ["l"]);
});
