import assert from "node:assert/strict";
import { test } from "node:test";
import {
  FOREGROUND,
  judge,
  ORPHAN,
  type OwnerState,
  OwnershipGraph,
  waitsFor,
} from "../../src/controllers/garbage/graph.ts";
import { KINDS } from "../../src/objects/kinds.ts";
import type { KubeObject } from "../../src/objects/types.ts";

function object(
  name: string,
  owners: readonly string[] = [],
  metadata: Partial<KubeObject["metadata"]> = {},
): KubeObject {
  const ownerReferences = owners.map((uid) => ({ apiVersion: "v1", kind: "ConfigMap", name: uid, uid }));
  return { apiVersion: "v1", kind: "ConfigMap", metadata: { name, uid: name, ownerReferences, ...metadata } };
}

function verdictOf(of: KubeObject, states: Record<string, OwnerState>, hasDependents = false) {
  return judge(of, ({ uid }) => states[uid] ?? "absent", hasDependents);
}

test("an object stays while one owner is there, and goes with the last one", () => {
  assert.deepEqual(verdictOf(object("x"), {}), { type: "keep" });
  assert.deepEqual(verdictOf(object("x", ["a", "b"]), { a: "present", b: "present" }), { type: "keep" });
  const unlink = verdictOf(object("x", ["a", "b"]), { a: "present" });
  assert.deepEqual(unlink.type === "unlink" && unlink.owners.map(({ uid }) => uid), ["a"]);
  assert.deepEqual(verdictOf(object("x", ["a", "b"]), {}), { type: "delete", policy: "Background" });
  assert.deepEqual(verdictOf(object("x", ["a"], { deletionTimestamp: "t" }), {}), { type: "keep" });
});

test("how an object goes follows from its owner's waiting and its own finalizers", () => {
  assert.deepEqual(verdictOf(object("x", ["a"]), { a: "waiting" }), { type: "delete", policy: "Background" });
  assert.deepEqual(verdictOf(object("x", ["a"]), { a: "waiting" }, true), {
    type: "delete",
    policy: "Foreground",
  });
  assert.deepEqual(verdictOf(object("x", ["a"], { finalizers: [ORPHAN] }), {}), {
    type: "delete",
    policy: "Orphan",
  });
  assert.deepEqual(verdictOf(object("x", ["a"], { finalizers: [FOREGROUND] }), {}), {
    type: "delete",
    policy: "Foreground",
  });
  assert.ok(waitsFor(object("x", [], { finalizers: [FOREGROUND], deletionTimestamp: "t" }), FOREGROUND));
  assert.ok(!waitsFor(object("x", [], { finalizers: [FOREGROUND] }), FOREGROUND));
});

test("the graph follows owners as they change, also those that it does not know", () => {
  const graph = new OwnershipGraph();
  const names = (uid: string) => graph.dependentsOf(uid).map((node) => node.object.metadata.name);
  graph.put(KINDS.ConfigMap, object("x", ["a"]));
  graph.put(KINDS.ConfigMap, object("y", ["a", "b"]));
  assert.deepEqual(names("a"), ["x", "y"]);
  graph.put(KINDS.ConfigMap, object("y", ["b"]));
  assert.deepEqual([names("a"), names("b")], [["x"], ["y"]]);
  graph.remove(object("x", ["a"]));
  assert.deepEqual([names("a"), graph.get("x")], [[], undefined]);
});

test("the graph remembers an owner that went for as long as somebody names it", () => {
  const graph = new OwnershipGraph();
  graph.put(KINDS.ConfigMap, object("a"));
  graph.put(KINDS.ConfigMap, object("b"));
  graph.put(KINDS.ConfigMap, object("x", ["a", "b"]));
  graph.remove(object("a"));
  graph.forget(object("b"));
  assert.deepEqual([graph.isGone("a"), graph.isGone("b"), graph.get("b")], [true, false, undefined]);
  graph.remove(object("x", ["a", "b"]));
  assert.equal(graph.isGone("a"), false);
  graph.put(KINDS.ConfigMap, object("c"));
  graph.remove(object("c"));
  assert.equal(graph.isGone("c"), false);
});
