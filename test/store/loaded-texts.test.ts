import assert from "node:assert/strict";
import { test } from "node:test";
import type { Entry } from "../../src/store/contract.ts";
import { LoadedTexts } from "../../src/store/loaded-texts.ts";

const HEAD = 3;

function load(values: readonly string[]): Entry<string>[] {
  const loaded: Entry<string>[] = [];
  const texts = new LoadedTexts((entry) => loaded.push(entry));
  // as the database does: one buffer for all of them
  const bytes = Buffer.alloc(HEAD + Math.max(...values.map((value) => Buffer.byteLength(value))));
  for (const [index, value] of values.entries()) {
    const length = bytes.write(value, HEAD);
    texts.add(`key-${index}`, index + 1, bytes.subarray(0, HEAD + length), HEAD);
  }
  texts.flush();
  return loaded;
}

test("texts of a store are what was stored, in their order: none, short, long, longer than a block, of other alphabets", () => {
  const values = [
    "",
    "a",
    "ä€😀",
    "x".repeat(700_000),
    "y".repeat(700_000),
    "z".repeat(3_000_000),
    "é".repeat(600_000),
  ];
  const loaded = load([...values, "last"]);
  assert.deepEqual(
    loaded.map(({ key, revision }) => `${key}@${revision}`),
    [...values, "last"].map((_, index) => `key-${index}@${index + 1}`),
  );
  for (const [index, value] of [...values, "last"].entries())
    assert.ok(loaded[index]?.value === value, `${index}`);
});

test("a store without entries has no texts", () => {
  const texts = new LoadedTexts(() => assert.fail("nothing was added"));
  texts.flush();
});
