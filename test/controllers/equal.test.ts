import assert from "node:assert/strict";
import { test } from "node:test";
import { canonicalJson, sameValue } from "../../src/controllers/runtime/equal.ts";

const VALUES: readonly unknown[] = [
  undefined,
  null,
  0,
  1,
  "1",
  "",
  false,
  [],
  {},
  { a: undefined },
  { a: { b: [] } },
  { a: 1 },
  { a: 1, b: null },
  { b: {}, a: 1 },
  { a: 1, b: 2 },
  { b: 2, a: 1 },
  [1],
  [null],
  [{}],
  [[], 1],
  [null, 1],
  [1, { a: [] }],
  [1, null],
  { 0: 1 },
];

test("two values mean the same exactly where their canonical texts are the same", () => {
  for (const one of VALUES)
    for (const other of VALUES)
      assert.equal(
        sameValue(one, other),
        canonicalJson(one) === canonicalJson(other),
        `${JSON.stringify(one)} and ${JSON.stringify(other)}`,
      );
});

test("what is absent, null or empty means the same, and nothing else does", () => {
  assert.ok(sameValue({ conditions: [], listeners: { none: {} } }, undefined));
  assert.ok(!sameValue({ count: 0 }, {}));
  assert.ok(!sameValue({ text: "" }, {}));
  assert.ok(!sameValue([null], []));
});
