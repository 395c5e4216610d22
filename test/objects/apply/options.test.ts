import assert from "node:assert/strict";
import { test } from "node:test";
import { checkManagerOptions, managerOf } from "../../../src/objects/apply/index.ts";
import { reconcile } from "../../../src/objects/apply/reconcile.ts";
import { setOf } from "../../../src/objects/apply/field-set.ts";
import { keepInside } from "../../../src/objects/apply/reset-fields.ts";
import type { MergeType } from "../../../src/objects/apply/merge-type.ts";

test("the manager is the parameter, or what the User-Agent begins with", () => {
  assert.equal(managerOf("me", "kubectl/v1.35"), "me");
  assert.equal(managerOf("", "kubectl/v1.35 (linux)"), "kubectl");
  assert.equal(managerOf(null, undefined), "");
  assert.equal(managerOf(undefined, "a\u0000b\tc/1"), "abc");
  assert.equal(managerOf(undefined, "ü".repeat(100)), "ü".repeat(64));
});

test("an apply names its manager, other patches cannot force", () => {
  const fields = (write: "apply" | "patch" | "other", fieldManager: string, force?: boolean): string[] =>
    checkManagerOptions(write, { fieldManager, force }).map(({ field, message }) => `${field}: ${message}`);
  assert.deepEqual(fields("apply", ""), ["fieldManager: Required value: is required for apply patch"]);
  assert.deepEqual(fields("apply", "me", true), []);
  assert.deepEqual(fields("patch", "", false), [
    "force: Forbidden: may not be specified for non-apply patch",
  ]);
  assert.deepEqual(fields("other", ""), []);
  assert.deepEqual(fields("other", "x".repeat(129)), [
    "fieldManager: Too long: may not be more than 128 bytes",
  ]);
  assert.deepEqual(fields("other", "a\nb"), [
    'fieldManager: Invalid value: "a\\nb": invalid character U+000A (at position 1)',
  ]);
});

test("a set of a schema that became atomic is fitted to it", () => {
  const type = (atomic: boolean): MergeType => ({
    map: {
      atomic: false,
      fields: new Map([
        ["a", { type: { map: { atomic, fields: new Map(), values: { scalar: "string" } } } }],
      ]),
    },
  });
  const set = setOf(["f:a", "f:x"], ["f:b"]);
  assert.equal(reconcile(set, type(false)), set);
  assert.deepEqual(reconcile(set, type(true)), setOf(["f:a"], ["f:b"]));
});

test("a resize owns resources of containers and nothing else", () => {
  const inside = keepInside(["spec.containers.*.resources"]);
  const container = 'k:{"name":"c"}';
  const set = setOf(
    ["f:spec", "f:containers", container],
    ["f:spec", "f:containers", container, "f:image"],
    ["f:spec", "f:containers", container, "f:resources", "f:limits"],
    ["f:spec", "f:nodeName"],
    ["f:metadata", "f:labels"],
  );
  const own = setOf(
    ["f:spec", "f:containers", container],
    ["f:spec", "f:containers", container, "f:resources", "f:limits"],
  );
  assert.deepEqual(inside(set), own);
  assert.deepEqual(inside(setOf(["f:spec", "f:nodeName"])), {});
});
