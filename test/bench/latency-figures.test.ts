import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  type Compared,
  quantileOf,
  ratioOf,
  sampleOf,
  seeded,
  undisturbed,
} from "../../bench/lib/latency-figures.ts";

/** Times of blocks: so many each, evenly from `low` on, a hundredth apart. */
function blocks(...lows: readonly number[]): number[][] {
  return lows.map((low) => Array.from({ length: 100 }, (_, index) => low + index / 100));
}

/** `starts` starts of `turns` blocks each, in which a start adds what `added` says. */
function compared(starts: number, turns: number, added: (start: number) => number): Compared {
  const all = Array.from({ length: starts * turns }, (_, block) => Math.floor(block / turns));
  const base = sampleOf(blocks(...all.map(() => 0)));
  const floor = sampleOf(blocks(...all.map(() => 1)));
  const one = sampleOf(blocks(...all.map(added)));
  return { base, one, floor };
}

const starts = (count: number, turns: number) => new Array<number>(count).fill(turns);

describe("figures of latency", () => {
  test("a quantile is of all blocks, each as often as its weight says", () => {
    const sample = sampleOf(blocks(0, 10));
    assert.equal(quantileOf(sample, 0.99), 10.97);
    assert.equal(quantileOf(sample, 0.99, Int32Array.of(1, 0)), 0.98);
    assert.equal(quantileOf(sample, 0.25), 0.49);
  });

  test("the ratio is of what is added, not of what was taken", () => {
    const { value, low, high } = ratioOf(
      compared(5, 4, () => 1.5),
      0.5,
      starts(5, 4),
      seeded(1),
    );
    for (const figure of [value, low, high]) assert.ok(Math.abs(figure - 1.5) < 1e-9, String(figure));
  });

  test("starts that differ make the interval wide, however many blocks each has", () => {
    const differing = compared(6, 50, (start) => 1 + (start % 2) * 0.4);
    const equal = ratioOf(
      compared(6, 50, () => 1.2),
      0.5,
      starts(6, 50),
      seeded(1),
    );
    const { low, high } = ratioOf(differing, 0.5, starts(6, 50), seeded(1));
    assert.ok(equal.high - equal.low < 0.01, `${equal.low} to ${equal.high}`);
    assert.ok(high - low > 0.15, `${low} to ${high}`);
    assert.ok(low < 1.2 && high > 1.2, `${low} to ${high}`);
  });

  for (const [name, count, turns] of [
    ["starts", 4, 20],
    ["blocks", 6, 3],
  ] as const) {
    test(`too few ${name} settle nothing`, () => {
      const { low, high } = ratioOf(
        compared(count, turns, () => 1),
        0.5,
        starts(count, turns),
        seeded(1),
      );
      assert.deepEqual([low, high], [0, Number.POSITIVE_INFINITY]);
    });
  }

  test("a floor that adds nothing has no upper end", () => {
    const { base, one } = compared(5, 4, () => 1);
    assert.equal(
      ratioOf({ base, one, floor: base }, 0.5, starts(5, 4), seeded(1)).high,
      Number.POSITIVE_INFINITY,
    );
  });

  test("what was due near a stall does not count, whatever it took", () => {
    const result = { times: [1, 2, 3, 4], due: [0, 100, 200, 300] };
    assert.deepEqual(
      undisturbed(
        result,
        [
          { began: 95, ended: 110 },
          { began: 290, ended: 295 },
        ],
        20,
      ),
      [1, 3],
    );
  });
});
