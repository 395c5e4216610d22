import assert from "node:assert/strict";
import { test } from "node:test";
import { ATOMIC, DEDUCED, type MergeType } from "../../../src/objects/apply/merge-type.ts";
import { merge } from "../../../src/objects/apply/merge.ts";
import { removeItems } from "../../../src/objects/apply/remove.ts";
import { setOf } from "../../../src/objects/apply/field-set.ts";
import { toFieldSet } from "../../../src/objects/apply/to-field-set.ts";
import { compare } from "../../../src/objects/apply/compare.ts";

const SET: MergeType = { list: { atomic: false, keys: [], items: { scalar: "string" } } };

/** What is there, what is applied, and what comes out: orders as structured-merge-diff v6.3.0 gives them. */
const ORDERS = [
  ["b a c", "d b e a", "d b e a c"],
  ["e d c", "e a b d", "e a b d c"],
  ["e d a b", "e c d b", "e c d a b"],
  ["b e c", "b d e", "b d e c"],
  ["a b c", "c a", "b c a"],
  ["a b", "x b a", "x b a"],
  ["a x b", "b y a", "x b y a"],
] as const;

for (const [left, right, wanted] of ORDERS) {
  test(`${left} with ${right} applied is ${wanted}`, () => {
    assert.deepEqual(merge(left.split(" "), right.split(" "), SET), wanted.split(" "));
  });
}

test("an item that stands there twice is owned, compared and removed as one", () => {
  const twice = ["a", "a", "b"];
  assert.deepEqual(toFieldSet(twice, SET), setOf(['v:"a"'], ['v:"b"']));
  assert.deepEqual(compare(["a", "b"], twice, SET), {
    added: setOf(['v:"a"']),
    modified: {},
    removed: setOf(['v:"a"']),
  });
  assert.deepEqual(compare(twice, ["b"], SET), { added: {}, modified: {}, removed: setOf(['v:"a"']) });
  assert.deepEqual(removeItems(twice, setOf(['v:"a"']), SET), ["b"]);
  assert.deepEqual(merge(twice, ["a"], SET), ["a", "b"]);
});

test("values of unknown structure are owned by their fields, their lists as a whole", () => {
  const value = { a: { b: 1, c: [1, { d: 2 }] }, e: null, f: {} };
  const own = setOf(["f:a"], ["f:a", "f:b"], ["f:a", "f:c"], ["f:e"], ["f:f"]);
  assert.deepEqual(toFieldSet(value, DEDUCED), own);
  assert.deepEqual(
    toFieldSet({ a: value }, { map: { atomic: false, fields: new Map([["a", { type: ATOMIC }]]) } }),
    setOf(["f:a"]),
  );
  const { added, modified, removed } = compare(value, { a: { b: "text", g: 1 }, e: null, f: {} }, DEDUCED);
  assert.deepEqual(
    [added, modified, removed],
    [setOf(["f:a", "f:g"]), setOf(["f:a", "f:b"]), setOf(["f:a", "f:c"])],
  );
});

test("a value that changes its shape is compared as both", () => {
  const { modified, removed } = compare({ a: { b: 1 } }, { a: "text" }, DEDUCED);
  assert.deepEqual([modified, removed], [setOf(["f:a"]), setOf(["f:a", "f:b"])]);
  assert.deepEqual(merge({ a: { b: 1 } }, { a: [1] }, DEDUCED), { a: [1] });
});

test("removing leaves what is not named; null where that is nothing", () => {
  const value = { a: { b: 1, c: 2 }, d: 3 };
  assert.deepEqual(removeItems(value, setOf(["f:a", "f:b"], ["f:d"]), DEDUCED), { a: { c: 2 } });
  assert.equal(removeItems({ d: 3 }, setOf(["f:d"]), DEDUCED), null);
});
