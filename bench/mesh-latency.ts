/**
 * What a pair of sidecars adds to the latency of HTTP at 1,000 requests a second, over each family, with and without
 * mutual TLS: against the same requests without any sidecar, and against the same two Envoys configured by hand for this
 * one port (bench/lib/hand-envoys.ts). All stand side by side, in network namespaces of their own, and take turns in
 * slices of a third of a second, in an order that is drawn anew for each turn. Figures are quantiles of all requests of a
 * way; what it adds is the difference to those without a sidecar. All of it is started anew several times, since each
 * start of the same Envoy is as fast as it happens to be; the interval around a ratio (95 in 100) comes from drawing starts
 * and turns anew. By hand there are two pairs: both together are the floor, and the ratio of the second to the
 * first (`A/A`) is what can be told apart here. Tandem's pair has as many slices as both of them.
 *
 * Against other work on the machine: all processes of this go before all others (SCHED_RR), and a watcher on each
 * processor goes before even these. Where that is woken 0.15 ms too late, the processor was away, whoever was measured:
 * requests that were due within 20 ms of it do not count, whatever they took. Who may not go first has turns left out
 * instead: those in which others worked or the processors were taken away.
 *
 * A ratio is `ok` where its interval ends at 1.1 or below, `TOO MUCH` where it begins above; else it is `not settled`,
 * and more time helps. Ends with 1 if something is too much or a request failed, else with 75 if something is not settled.
 *
 * Usage: mesh-latency.ts [SECONDS]   of load; 960 unless given, when each ratio rests on up to 86,400 requests of either side,
 * from twelve starts
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { LoadResult } from "./lib/latency-agent.ts";
import { seeded, shuffled, undisturbed } from "./lib/latency-figures.ts";
import { type Figures, judge, percent, soFar } from "./lib/latency-verdict.ts";
import {
  CONTENDERS,
  type Contender,
  FAMILIES,
  type Family,
  runSlice,
  SECURITIES,
  type Security,
  startWays,
  type Way,
} from "./lib/latency-ways.ts";
import {
  cpuOf,
  descendants,
  goFirst,
  machineTime,
  monotonic,
  type Stall,
  watchStalls,
} from "./lib/machine.ts";

const SECONDS = Number(process.argv[2] ?? 960);
const SLICE = { rate: 1_000, warm: 30, count: 270 } as const;
/** A processor was away for so many milliseconds; the time around it that does not count. */
const STALL = 0.15;
const MARGIN = 20;
/** The share of one processor that others may take where this does not go before them. */
const OTHERS = 0.1;
/** Slices of a turn. */
const SLICES = { none: 1, hand: 1, "hand again": 1, tandem: 2 } as const;
const SLICES_OF_TURN = FAMILIES.length * CONTENDERS.reduce((sum, contender) => sum + SLICES[contender], 0);
/** A turn with each of the securities. */
const SECONDS_OF_TURN = (SECURITIES.length * SLICES_OF_TURN * (SLICE.warm + SLICE.count)) / SLICE.rate;
/** With each of the securities. */
const TURNS = Math.floor(SECONDS / SECONDS_OF_TURN);
const STARTS = 12;

type Turn = readonly (readonly [Way, LoadResult])[];

/** What has been measured with one of the securities, in all starts. */
interface Results {
  readonly figures: Readonly<Record<Family, Readonly<Record<Contender, Figures>>>>;
  /** How many turns count of each start. */
  readonly starts: number[];
  stalls: number;
  /** Milliseconds of processors that other work took, and how long all of it lasted. */
  others: number;
  took: number;
}

function noResults(): Results {
  const figures = (): Figures => ({ times: [], cpu: 0, asked: 0, failed: 0, late: 0 });
  const all = () =>
    Object.fromEntries(CONTENDERS.map((contender) => [contender, figures()])) as Record<Contender, Figures>;
  return { figures: { IPv4: all(), IPv6: all() }, starts: [], stalls: 0, others: 0, took: 0 };
}

/** All slices of a turn; adds to everything of their ways' figures but the times. */
async function takeTurn(results: Results, ways: readonly Way[], random: () => number): Promise<Turn> {
  const turn: [Way, LoadResult][] = [];
  const slices = ways.flatMap((way) => new Array<Way>(SLICES[way.contender]).fill(way));
  for (const way of shuffled(slices, random)) {
    const of = results.figures[way.family][way.contender];
    const before = cpuOf(way.envoys);
    const result = await runSlice(way, SLICE, false);
    of.cpu += cpuOf(way.envoys) - before;
    of.asked += SLICE.warm + SLICE.count;
    of.failed += result.failed;
    of.late += result.late;
    turn.push([way, result]);
  }
  return turn;
}

/** Takes so many turns of one start, and adds what comes of them. */
async function measure(
  results: Results,
  ways: readonly Way[],
  turns: number,
  stalls?: readonly Stall[],
): Promise<void> {
  const random = seeded(results.starts.length);
  for (const way of [...ways, ...ways]) await runSlice(way, SLICE, true);
  const own = [process.pid, ...descendants()];
  const counted: Turn[] = [];
  const began = monotonic();
  for (let taken = 0; taken < turns; taken++) {
    const [start, machine, cpu] = [monotonic(), machineTime(), cpuOf(own)];
    const turn = await takeTurn(results, ways, random);
    const now = machineTime();
    const foreign = Math.max(0, now.busy - machine.busy - (cpuOf(own) - cpu));
    results.others += foreign;
    const calm = foreign / (monotonic() - start) <= OTHERS && now.stolen === machine.stolen;
    if (stalls !== undefined || calm) counted.push(turn);
  }
  results.took += monotonic() - began;
  // what watchers have seen last comes with their last lines
  await sleep(200);
  const met = (stalls ?? []).filter(({ ended }) => ended > began);
  results.stalls += met.length;
  results.starts.push(counted.length);
  for (const way of ways) {
    const times = counted.map((turn) =>
      turn.flatMap(([of, result]) => (of === way ? undisturbed(result, met, MARGIN) : [])),
    );
    results.figures[way.family][way.contender].times.push(...times);
  }
}

/** Prints how much does not count, how much others worked meanwhile, and what is added over each family. */
function tell(security: Security, { figures, starts, stalls, others, took }: Results): void {
  const turns = starts.reduce((sum, count) => sum + count, 0);
  const all = Object.values(figures).flatMap((family) => Object.values(family));
  const counted = all.reduce((sum, { times }) => sum + times.flat().length, 0);
  console.log(
    `${security}: ${starts.length} starts, ${TURNS} turns, ${TURNS - turns} left out; ${stalls} stalls of a processor; ` +
      `${percent(1 - counted / (TURNS * SLICES_OF_TURN * SLICE.count))} of all requests left out; ` +
      `other work took ${percent(others / took)} of one processor`,
  );
  const meant = SLICE.count / (SLICE.warm + SLICE.count);
  for (const family of FAMILIES) judge(`${family}, ${security}`, { figures: figures[family], starts, meant });
}

if (!(TURNS >= STARTS)) {
  console.error(`mesh-latency: SECONDS must be a number of at least ${Math.ceil(SECONDS_OF_TURN * STARTS)}`);
  process.exit(64);
}
const watched = goFirst() ? watchStalls(STALL) : undefined;
if (!watched) console.log("this may not go before other processes: turns in which those work are left out");
const results = { "mutual TLS": noResults(), plain: noResults() } satisfies Record<Security, Results>;
try {
  for (let start = 0; start < STARTS; start++) {
    const turns = Math.floor((TURNS * (start + 1)) / STARTS) - Math.floor((TURNS * start) / STARTS);
    for (const security of SECURITIES) {
      const { ways, refused, close } = await startWays(security);
      try {
        await measure(results[security], ways, turns, watched?.stalls);
        for (const line of refused) console.log(`refused: ${line}`);
      } finally {
        await close();
      }
    }
    const ratios = SECURITIES.flatMap((security) =>
      FAMILIES.map((family) => `${family}, ${security}: ${soFar(results[security].figures[family])}`),
    );
    console.log(`${start + 1} of ${STARTS} starts: ${ratios.join("; ")}`);
  }
} finally {
  watched?.close();
}
for (const security of SECURITIES) tell(security, results[security]);
