/** What is printed of bench/mesh-latency.ts, and what the exit code becomes. */
import { type Estimate, quantileOf, ratioOf, type Sample, sampleOf, seeded } from "./latency-figures.ts";
import type { Contender } from "./latency-ways.ts";

const MOST = 1.1;
const NOT_SETTLED = 75;

/** What has come of a contender over one family, with one security. */
export interface Figures {
  /** Of each turn that counts, the times that count. */
  readonly times: number[][];
  /** Milliseconds of CPU of all Envoys on the way. */
  cpu: number;
  asked: number;
  failed: number;
  late: number;
}

/** A share in words. */
export function percent(share: number): string {
  return `${(share * 100).toFixed(0)} %`;
}

/** The exit code becomes this one; 1, once it is there, stays. */
function worsen(code: number): void {
  if (process.exitCode !== 1) process.exitCode = code;
}

/** @returns what is printed; sets the exit code */
function verdict({ low, high }: Estimate): string {
  if (high <= MOST) return "ok";
  worsen(low > MOST ? 1 : NOT_SETTLED);
  return low > MOST ? "TOO MUCH" : "not settled";
}

/** What there is to judge. */
export interface Measured {
  readonly figures: Readonly<Record<Contender, Figures>>;
  /** How many turns count of each start. */
  readonly starts: readonly number[];
  /** The share of requests that are meant to count: others warm up. */
  readonly meant: number;
}

const SHARES = [0.5, 0.99] as const;

interface Samples {
  readonly base: Sample;
  readonly hand: Sample;
  readonly again: Sample;
  readonly tandem: Sample;
  /** Both pairs by hand. */
  readonly floor: Sample;
}

function samplesOf({ none, hand, "hand again": again, tandem }: Measured["figures"]): Samples {
  const both = hand.times.map((times, turn) => [...times, ...(again.times[turn] ?? [])]);
  return {
    base: sampleOf(none.times),
    hand: sampleOf(hand.times),
    again: sampleOf(again.times),
    tandem: sampleOf(tandem.times),
    floor: sampleOf(both),
  };
}

/** What all starts until now come to, in a few words: nothing is judged by it. */
export function soFar(figures: Measured["figures"]): string {
  const { base, tandem, floor } = samplesOf(figures);
  return SHARES.map((share) => {
    const [without, own, hand] = [base, tandem, floor].map((sample) => quantileOf(sample, share)) as [
      ...[number, number, number],
    ];
    return `p${share * 100} ${((own - without) / (hand - without)).toFixed(2)}`;
  }).join(" ");
}

/** Prints what sidecars add, what those by hand add, and the ratio; sets the exit code. */
export function judge(name: string, { figures, starts, meant }: Measured): void {
  const { base, hand, again, tandem, floor } = samplesOf(figures);
  for (const share of SHARES) {
    const compare = (one: Sample, floor: Sample) => ratioOf({ base, one, floor }, share, starts, seeded(2));
    const [ratio, equal] = [compare(tandem, floor), compare(again, hand)];
    const without = quantileOf(base, share);
    const added = (sample: Sample) => `${(quantileOf(sample, share) - without).toFixed(3)} ms`;
    console.log(
      `${name}, p${share * 100}: the pair adds ${added(tandem)} to ${without.toFixed(3)} ms; by hand ${added(floor)}; ` +
        `${estimate(ratio)} (at most ${MOST}) ${verdict(ratio)}; A/A ${estimate(equal)}`,
    );
  }
  const { none, hand: first, "hand again": second, tandem: own } = figures;
  const cpu = (...of: Figures[]) =>
    (of.reduce((sum, { cpu }) => sum + cpu, 0) * 1000) / of.reduce((sum, { asked }) => sum + asked, 0);
  const [ownCpu, handCpu, equalCpu] = [cpu(own), cpu(first, second), cpu(second) / cpu(first)];
  console.log(
    `${name}: CPU of both Envoys ${ownCpu.toFixed(0)} µs a request; by hand ${handCpu.toFixed(0)} µs; ` +
      `${(ownCpu / handCpu).toFixed(2)} times; A/A ${equalCpu.toFixed(2)} times`,
  );
  const left = (sample: Sample, ...of: Figures[]) => {
    const asked = of.reduce((sum, { asked }) => sum + asked, 0);
    return percent(1 - sample.times.length / (asked * meant));
  };
  console.log(
    `${name}: ${tandem.times.length} requests count, ${left(tandem, own)} left out ` +
      `(by hand ${floor.times.length}, ${left(floor, first, second)}; without ${left(base, none)}); ` +
      `${own.failed} of ${own.asked} failed (by hand ${first.failed + second.failed} of ${first.asked + second.asked}); ` +
      `sent late: ${own.late} (by hand ${first.late + second.late}, without ${none.late})`,
  );
  if (own.failed > 0) worsen(1);
}

function estimate({ value, low, high }: Estimate): string {
  return `${value.toFixed(2)} times, ${low.toFixed(2)} to ${high.toFixed(2)}`;
}
