/**
 * What a pair of sidecars adds to the latency of HTTP at 1,000 requests a second, over each family, with and without
 * mutual TLS: against the same requests without any sidecar, and against the same two Envoys configured by hand for this
 * one port (bench/lib/hand-envoys.ts). All stand side by side, in network namespaces of their own, and take turns in
 * slices of a third of a second, in an order that is drawn anew for each turn. Figures are quantiles of all requests of a
 * way; what it adds is the difference to those without a sidecar. The interval around a ratio (95 in 100) comes from
 * drawing whole turns anew. By hand there are two pairs: both together are the floor, and the ratio of the second to the
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
 * Usage: mesh-latency.ts [SECONDS]   of load; 320 unless given, when each ratio rests on up to 28,600 requests of either side
 */
import { setTimeout as sleep } from "node:timers/promises";
import { pod, policy, service } from "../test/envoy/mesh-texts.ts";
import { type MeshWorld, startWorld } from "../test/envoy/mesh-world.ts";
import { ADDRESSES, createNetwork, type TestNetwork } from "../test/kernel/network.ts";
import { startByHand } from "./lib/hand-envoys.ts";
import type { LoadResult } from "./lib/latency-agent.ts";
import {
  type Estimate,
  quantileOf,
  ratioOf,
  type Sample,
  sampleOf,
  seeded,
  shuffled,
  undisturbed,
} from "./lib/latency-figures.ts";
import { Load } from "./lib/latency-load.ts";
import {
  cpuOf,
  descendants,
  goFirst,
  isEnvoy,
  machineTime,
  monotonic,
  type Stall,
  watchStalls,
} from "./lib/machine.ts";

const SECONDS = Number(process.argv[2] ?? 320);
const PORT = 8_090;
const MOST = 1.1;
const NOT_SETTLED = 75;
const SLICE = { rate: 1_000, warm: 30, count: 270 } as const;
/** A processor was away for so many milliseconds; the time around it that does not count. */
const STALL = 0.15;
const MARGIN = 20;
/** The share of one processor that others may take where this does not go before them. */
const OTHERS = 0.1;
/** The last parts of the Services' addresses. */
const NUMBERS = { IPv4: 4, IPv6: 6 } as const;
const VIPS = { IPv4: "10.96.0.4", IPv6: "fd00:10:96::6" } as const;
const HOSTS = { IPv4: "web4", IPv6: "web6" } as const;
type Family = keyof typeof VIPS;
const FAMILIES: readonly Family[] = ["IPv4", "IPv6"];
const SECURITIES = ["mutual TLS", "plain"] as const;
type Security = (typeof SECURITIES)[number];
const CONTENDERS = ["none", "hand", "hand again", "tandem"] as const;
type Contender = (typeof CONTENDERS)[number];
/** Slices of a turn. */
const SLICES = { none: 1, hand: 1, "hand again": 1, tandem: 2 } as const;
const SLICES_OF_TURN = FAMILIES.length * CONTENDERS.reduce((sum, contender) => sum + SLICES[contender], 0);
/** A turn with each of the securities. */
const SECONDS_OF_TURN = (SECURITIES.length * SLICES_OF_TURN * (SLICE.warm + SLICE.count)) / SLICE.rate;
/** With each of the securities. */
const TURNS = Math.floor(SECONDS / SECONDS_OF_TURN);

/** One way from `a` to `b`, over one family. */
interface Way {
  readonly contender: Contender;
  readonly family: Family;
  readonly load: Load;
  /** Its Envoys, by process. */
  readonly envoys: readonly number[];
}

/** What has come of a way. */
interface Figures {
  /** Of each turn that counts, the times that count. */
  times: number[][];
  /** Milliseconds of CPU of all Envoys on the way. */
  cpu: number;
  asked: number;
  failed: number;
  late: number;
}

type Results = ReadonlyMap<Way, Figures>;
type Turn = readonly (readonly [Way, LoadResult])[];

async function runSlice({ contender, family, load }: Way, anew: boolean): Promise<LoadResult> {
  const direct = { address: ADDRESSES.b[family], port: PORT };
  const to = contender === "none" ? direct : { address: VIPS[family], port: 80 };
  return load.run({ ...SLICE, ...to, host: HOSTS[family], anew });
}

/** All slices of a turn; adds to everything of their ways' results but the times. */
async function takeTurn(results: Results, random: () => number): Promise<Turn> {
  const turn: [Way, LoadResult][] = [];
  const slices = [...results.keys()].flatMap((way) => new Array<Way>(SLICES[way.contender]).fill(way));
  for (const way of shuffled(slices, random)) {
    const of = results.get(way) as Figures;
    const before = cpuOf(way.envoys);
    const result = await runSlice(way, false);
    of.cpu += cpuOf(way.envoys) - before;
    of.asked += SLICE.warm + SLICE.count;
    of.failed += result.failed;
    of.late += result.late;
    turn.push([way, result]);
  }
  return turn;
}

/** Takes turns; prints how much does not count, and how much others worked meanwhile. */
async function measure(
  ways: readonly Way[],
  security: Security,
  stalls?: readonly Stall[],
): Promise<Results> {
  const results = new Map(
    ways.map((way): [Way, Figures] => [way, { times: [], cpu: 0, asked: 0, failed: 0, late: 0 }]),
  );
  const random = seeded(1);
  for (const way of [...ways, ...ways]) await runSlice(way, true);
  const own = [process.pid, ...descendants()];
  const turns: Turn[] = [];
  const began = monotonic();
  let others = 0;
  for (let taken = 0; taken < TURNS; taken++) {
    const [start, machine, cpu] = [monotonic(), machineTime(), cpuOf(own)];
    const turn = await takeTurn(results, random);
    const now = machineTime();
    const foreign = Math.max(0, now.busy - machine.busy - (cpuOf(own) - cpu));
    others += foreign;
    const calm = foreign / (monotonic() - start) <= OTHERS && now.stolen === machine.stolen;
    if (stalls !== undefined || calm) turns.push(turn);
  }
  const took = monotonic() - began;
  // what watchers have seen last comes with their last lines
  await sleep(200);
  const met = (stalls ?? []).filter(({ ended }) => ended > began);
  for (const [way, figures] of results) {
    figures.times = turns.map((turn) =>
      turn.flatMap(([of, result]) => (of === way ? undisturbed(result, met, MARGIN) : [])),
    );
  }
  const counted = [...results.values()].reduce((sum, { times }) => sum + times.flat().length, 0);
  const left = 1 - counted / (TURNS * SLICES_OF_TURN * SLICE.count);
  console.log(
    `${security}: ${TURNS} turns, ${TURNS - turns.length} left out; ${met.length} stalls of a processor; ${percent(left)} of all ` +
      `requests left out; other work took ${percent(others / took)} of one processor`,
  );
  return results;
}

function percent(share: number): string {
  return `${(share * 100).toFixed(0)} %`;
}

function worsen(code: number): void {
  if (process.exitCode !== 1) process.exitCode = code;
}

/** @returns what is printed; sets the exit code */
function verdict({ low, high }: Estimate): string {
  if (high <= MOST) return "ok";
  worsen(low > MOST ? 1 : NOT_SETTLED);
  return low > MOST ? "TOO MUCH" : "not settled";
}

/** Prints what sidecars add, what those by hand add, and the ratio. */
function judge(results: Results, family: Family, security: Security): void {
  const all = CONTENDERS.map((contender) =>
    [...results].find(([way]) => way.contender === contender && way.family === family),
  ).map((found) => found?.[1] as Figures) as [Figures, Figures, Figures, Figures];
  const [none, first, second, own] = all;
  const both = first.times.map((times, turn) => [...times, ...(second.times[turn] ?? [])]);
  const [base, hand, again, tandem, floor] = [...all.map(({ times }) => times), both].map(sampleOf) as [
    ...[Sample, Sample, Sample, Sample, Sample],
  ];
  const name = `${family}, ${security}`;
  for (const share of [0.5, 0.99]) {
    const compare = (one: Sample, floor: Sample) =>
      ratioOf({ base, one, floor }, share, none.times.length, seeded(2));
    const [ratio, equal] = [compare(tandem, floor), compare(again, hand)];
    const without = quantileOf(base, share);
    const added = (sample: Sample) => `${(quantileOf(sample, share) - without).toFixed(3)} ms`;
    console.log(
      `${name}, p${share * 100}: the pair adds ${added(tandem)} to ${without.toFixed(3)} ms; by hand ${added(floor)}; ` +
        `${estimate(ratio)} (at most ${MOST}) ${verdict(ratio)}; A/A ${estimate(equal)}`,
    );
  }
  const cpu = (...of: Figures[]) =>
    (of.reduce((sum, { cpu }) => sum + cpu, 0) * 1000) / of.reduce((sum, { asked }) => sum + asked, 0);
  const [ownCpu, handCpu, equalCpu] = [cpu(own), cpu(first, second), cpu(second) / cpu(first)];
  console.log(
    `${name}: CPU of both Envoys ${ownCpu.toFixed(0)} µs a request; by hand ${handCpu.toFixed(0)} µs; ` +
      `${(ownCpu / handCpu).toFixed(2)} times; A/A ${equalCpu.toFixed(2)} times`,
  );
  const left = (sample: Sample, ...of: Figures[]) => {
    const asked = of.reduce((sum, { asked }) => sum + asked, 0);
    return percent(1 - sample.times.length / ((asked * SLICE.count) / (SLICE.warm + SLICE.count)));
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

/** What runs, and is closed in the end. */
const closers: (() => unknown)[] = [];

async function startLoad(network: TestNetwork): Promise<Load> {
  const load = await Load.start(network, PORT);
  closers.push(() => load.close());
  return load;
}

async function startNetwork(): Promise<TestNetwork> {
  const network = await createNetwork();
  closers.push(() => network.close());
  return network;
}

type Pair = Pick<Way, "contender" | "load" | "envoys">;

async function startHand(contender: Contender, security: Security): Promise<Pair> {
  const network = await startNetwork();
  const envoys = await startByHand(network, PORT, security === "mutual TLS");
  closers.push(() => envoys.map((envoy) => envoy.kill("SIGKILL")));
  return { contender, load: await startLoad(network), envoys: envoys.map(({ pid }) => pid as number) };
}

/** A Service whose first family is the one given, so that its backend is reached over that. */
function serviceOf(family: Family): string {
  const families = family === "IPv4" ? (["IPv4", "IPv6"] as const) : (["IPv6", "IPv4"] as const);
  return service(HOSTS[family], NUMBERS[family], families, "http", "b", PORT);
}

async function startTandem(): Promise<{ world: MeshWorld; pair: Pair }> {
  const objects = [pod("a"), pod("b"), ...FAMILIES.map(serviceOf)].join("\n");
  const world = await startWorld(objects, ["a", "b"], []);
  closers.push(() => world.close());
  const envoys = descendants().filter(isEnvoy);
  return { world, pair: { contender: "tandem", load: await startLoad(world.network), envoys } };
}

const PLAIN = policy("MeshPolicy", "plain", "mutualTls: Disabled");

if (!(TURNS >= 1)) {
  console.error(`mesh-latency: SECONDS must be a number of at least ${Math.ceil(SECONDS_OF_TURN)}`);
  process.exit(64);
}
const watched = goFirst() ? watchStalls(STALL) : undefined;
if (watched) closers.push(() => watched.close());
else console.log("this may not go before other processes: turns in which those work are left out");
try {
  const { world, pair } = await startTandem();
  const none: Pair = { contender: "none", load: await startLoad(await startNetwork()), envoys: [] };
  for (const security of SECURITIES) {
    if (security === "plain") await world.apply(PLAIN);
    const pairs = [none, await startHand("hand", security), await startHand("hand again", security), pair];
    const ways = FAMILIES.flatMap((family) => pairs.map((one): Way => ({ ...one, family })));
    const results = await measure(ways, security, watched?.stalls);
    for (const family of FAMILIES) judge(results, family, security);
  }
  for (const line of world.refused) console.log(`refused: ${line}`);
} finally {
  for (const close of closers.reverse()) await close();
}
