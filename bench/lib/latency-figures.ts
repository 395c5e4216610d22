/**
 * Quantiles of times that were taken in blocks, and how sure ratios of them are. Contenders take turns within a block,
 * so that what disturbs a block meets all of them; an interval comes from drawing anew, first the starts of the programs,
 * for each start of the same program is as fast as it happens to be, then whole blocks of each start (a paired block
 * bootstrap in two stages: Davison and Hinkley 1997, Bootstrap Methods and their Application, 3.8). Pure.
 */
import type { Stall } from "./machine.ts";

/** The times of one contender; `times[i]` was taken in the block `blocks[i]`. Sorted, the longest first. */
export interface Sample {
  readonly times: Float64Array;
  readonly blocks: Int32Array;
  /** How many there are of each block. */
  readonly counts: Int32Array;
}

/** A figure and the interval around it. */
export interface Estimate {
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

/** What is added to `base` by `one`, in terms of what `floor` adds. */
export interface Compared {
  readonly base: Sample;
  readonly one: Sample;
  readonly floor: Sample;
}

/**
 * The times of requests that were due neither during a stall nor within `margin` ms of one. Only when they were due is
 * looked at, never what they took, so that no contender gains by it.
 */
export function undisturbed(
  { times, due }: { readonly times: readonly number[]; readonly due: readonly number[] },
  stalls: readonly Stall[],
  margin: number,
): number[] {
  const [first = 0, last = 0] = [Math.min(...due), Math.max(...due)];
  const near = stalls.filter(({ began, ended }) => ended + margin > first && began - margin < last);
  const meets = (time: number) =>
    near.some(({ began, ended }) => time > began - margin && time < ended + margin);
  return times.filter((_, index) => !meets(due[index] as number));
}

/** Drawn so often; the interval holds 95 in 100 of them. */
const DRAWS = 2_000;
const OUTSIDE = 0.025;
/** Fewer starts, or fewer blocks of all, say nothing of how sure anything is. */
const LEAST_STARTS = 5;
const LEAST_BLOCKS = 20;

/** The times of blocks, in their order. */
export function sampleOf(byBlock: readonly (readonly number[])[]): Sample {
  const all = byBlock.flatMap((times, block) => times.map((time) => ({ time, block })));
  all.sort((a, b) => b.time - a.time);
  return {
    times: Float64Array.from(all, ({ time }) => time),
    blocks: Int32Array.from(all, ({ block }) => block),
    counts: Int32Array.from(byBlock, ({ length }) => length),
  };
}

/** A quantile of times, in which a block counts as often as its weight says; all once where there are none. */
export function quantileOf({ times, blocks, counts }: Sample, of: number, weights?: Int32Array): number {
  const weightOf = (block: number) => (weights === undefined ? 1 : (weights[block] ?? 0));
  const all = counts.reduce((sum, count, block) => sum + count * weightOf(block), 0);
  let above = all * (1 - of);
  for (let index = 0; index < times.length; index++) {
    above -= weightOf(blocks[index] as number);
    if (above < 0) return times[index] as number;
  }
  return Number.NaN;
}

/**
 * The ratio of what two ways add at a quantile; `starts` has how many blocks each start has, of which the first are those
 * of the first start. Where the floor adds nothing that can be told from nothing, there is no upper end.
 */
export function ratioOf(
  { base, one, floor }: Compared,
  of: number,
  starts: readonly number[],
  random: () => number,
): Estimate {
  const ratio = (weights?: Int32Array) => {
    const without = quantileOf(base, of, weights);
    const least = quantileOf(floor, of, weights) - without;
    return least <= 0 ? Number.POSITIVE_INFINITY : (quantileOf(one, of, weights) - without) / least;
  };
  const blocks = starts.reduce((sum, count) => sum + count, 0);
  if (blocks < LEAST_BLOCKS || starts.length < LEAST_STARTS) {
    return { value: ratio(), low: 0, high: Number.POSITIVE_INFINITY };
  }
  const drawn = Float64Array.from({ length: DRAWS }, () => ratio(draw(starts, random))).sort();
  const at = (share: number) => drawn[Math.round(share * (DRAWS - 1))] as number;
  return { value: ratio(), low: at(OUTSIDE), high: at(1 - OUTSIDE) };
}

/** As many starts as there are, and as many blocks of each as it has; how often each block was drawn. */
function draw(starts: readonly number[], random: () => number): Int32Array {
  const firsts = starts.map((_, start) => starts.slice(0, start).reduce((sum, count) => sum + count, 0));
  const weights = new Int32Array((firsts.at(-1) ?? 0) + (starts.at(-1) ?? 0));
  const one = (of: number) => Math.floor(random() * of);
  for (const _ of starts) {
    const start = one(starts.length);
    const [first = 0, count = 0] = [firsts[start], starts[start]];
    for (let drawn = 0; drawn < count; drawn++) {
      const block = first + one(count);
      weights[block] = (weights[block] ?? 0) + 1;
    }
  }
  return weights;
}

/** Numbers in [0, 1) that are the same in each run. Source: mulberry32 (public domain, T. Ettinger). */
export function seeded(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** Items in an order drawn by chance (Fisher and Yates). */
export function shuffled<T>(items: readonly T[], random: () => number): T[] {
  const left = [...items];
  const order: T[] = [];
  while (left.length > 0) order.push(...left.splice(Math.floor(random() * left.length), 1));
  return order;
}
