import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { createSharer } from "../../src/traffic/index.ts";
import { SmallSets } from "../../src/traffic/small-sets.ts";

const ITEM = fc.constantFrom("a", "b", "c");
const STEP = fc.tuple(fc.boolean(), fc.constantFrom("x", "y"), ITEM);

test("small sets hold what sets of any size would", () => {
  fc.assert(
    fc.property(fc.array(STEP, { maxLength: 30 }), (steps) => {
      const small = new SmallSets();
      const plain = new Map<string, Set<string>>([
        ["x", new Set()],
        ["y", new Set()],
      ]);
      for (const [add, key, item] of steps) {
        if (add) {
          small.add(key, item);
          plain.get(key)?.add(item);
        } else {
          small.delete(key, item);
          plain.get(key)?.delete(item);
        }
        for (const [each, items] of plain) {
          assert.deepEqual([...small.of(each)].sort(), [...items].sort());
          assert.equal(small.has(each), items.size > 0);
        }
      }
    }),
  );
});

test("equal values are shared, others are not, and what is no JSON stays what it is", () => {
  const shared = createSharer();
  const first = { ports: [80] };
  assert.equal(shared(first), first);
  assert.equal(shared({ ports: [80] }), first);
  assert.notEqual(shared({ ports: [81] }), first);
  assert.equal(shared(undefined), undefined);
});
