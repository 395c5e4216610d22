/**
 * What a pair of sidecars adds to the latency of HTTP at 1,000 requests a second, over each family, with and without
 * mutual TLS: against the same requests without any sidecar, and against the same two Envoys configured by hand for this
 * one port (bench/lib/hand-envoys.ts). Rounds of all of them take turns, so that what else the machine does meets all
 * alike; figures are lower quartiles over the rounds, those in which the machine was calm. Beside them stands the CPU
 * time that both Envoys take for a request, which other work does not change. All is in network namespaces of its own.
 *
 * Usage: mesh-latency.ts [ROUNDS] [MILLISECONDS]   of each kind; 12 of 2,000 unless given
 */
import { type ChildProcess, spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { ADDRESSES, createNetwork, type Place, type TestNetwork } from "../test/kernel/network.ts";
import { pod, policy, service } from "../test/envoy/mesh-texts.ts";
import { startWorld } from "../test/envoy/mesh-world.ts";
import { startByHand } from "./lib/hand-envoys.ts";
import type { LoadResult, LoadRound } from "./lib/latency-agent.ts";

const ROUNDS = Number(process.argv[2] ?? 12);
const MS = Number(process.argv[3] ?? 2_000);
const RATE = 1_000;
const PORT = 8_090;
const MOST = 1.1;
const AGENT = join(import.meta.dirname, "lib/latency-agent.ts");
/** The last parts of the Services' addresses. */
const NUMBERS = { IPv4: 4, IPv6: 6 } as const;
const VIPS = { IPv4: "10.96.0.4", IPv6: "fd00:10:96::6" } as const;
const HOSTS = { IPv4: "web4", IPv6: "web6" } as const;
type Family = keyof typeof VIPS;
const FAMILIES: readonly Family[] = ["IPv4", "IPv6"];

/** A Service whose first family is the one given, so that its backend is reached over that. */
function serviceOf(family: Family): string {
  const families = family === "IPv4" ? (["IPv4", "IPv6"] as const) : (["IPv6", "IPv4"] as const);
  return service(HOSTS[family], NUMBERS[family], families, "http", "b", PORT);
}

const PLAIN = policy("MeshPolicy", "plain", "mutualTls: Disabled");

/** The load generator of a network: in pod `a`, with the server in pod `b`. */
class Load {
  readonly #children: ChildProcess[];
  readonly #answers: AsyncIterator<string>;

  private constructor(children: ChildProcess[], answers: AsyncIterator<string>) {
    this.#children = children;
    this.#answers = answers;
  }

  static async start(network: TestNetwork): Promise<Load> {
    const run = (place: Place, ...args: string[]) => {
      const [program = "", ...rest] = [...network.enter(place), process.execPath, AGENT, ...args];
      const child = spawn(program, rest, { stdio: ["pipe", "pipe", "inherit"] });
      const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream });
      return { child, lines: lines[Symbol.asyncIterator]() };
    };
    const server = run("b", "serve", String(PORT));
    await server.lines.next();
    const sender = run("a", "load");
    return new Load([server.child, sender.child], sender.lines);
  }

  async round(round: Omit<LoadRound, "rate" | "ms">): Promise<LoadResult> {
    this.#children[1]?.stdin?.write(`${JSON.stringify({ ...round, rate: RATE, ms: MS })}\n`);
    return JSON.parse((await this.#answers.next()).value ?? "{}") as LoadResult;
  }

  close(): void {
    for (const child of this.#children) child.kill("SIGKILL");
  }
}

/** One way from `a` to `b`. */
interface Way {
  readonly name: string;
  /** Its Envoys, by process. */
  readonly envoys: readonly number[];
  readonly run: () => Promise<LoadResult>;
}

interface Figures {
  readonly p50: number[];
  readonly p99: number[];
  /** Milliseconds of CPU of all Envoys on the way. */
  cpu: number;
  asked: number;
  failed: number;
}

function quantile(values: readonly number[], of: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * of))] ?? Number.NaN;
}

async function measure(ways: readonly Way[]): Promise<Map<string, Figures>> {
  const figures = new Map<string, Figures>(
    ways.map(({ name }) => [name, { p50: [], p99: [], cpu: 0, asked: 0, failed: 0 }]),
  );
  for (let round = 0; round < ROUNDS; round++) {
    for (const { name, envoys, run } of ways) {
      const of = figures.get(name) as Figures;
      const before = cpuOf(envoys);
      const { times, sent, failed } = await run();
      of.cpu += cpuOf(envoys) - before;
      of.p50.push(quantile(times, 0.5));
      of.p99.push(quantile(times, 0.99));
      of.asked += sent;
      of.failed += failed;
    }
  }
  return figures;
}

/** Milliseconds of CPU that processes have taken until now (proc(5), stat: utime and stime, in hundredths). */
function cpuOf(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => {
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
    return sum + (Number(fields[11]) + Number(fields[12])) * 10;
  }, 0);
}

/** The Envoys that this process has started until now. */
function ownEnvoys(): number[] {
  return readdirSync("/proc/self/task")
    .flatMap((task) => readFileSync(`/proc/self/task/${task}/children`, "utf8").trim().split(" "))
    .filter((pid) => pid !== "" && readFileSync(`/proc/${pid}/comm`, "utf8").startsWith("envoy"))
    .map(Number);
}

/** Prints what sidecars add, what those by hand add, and the ratio. */
function judge(
  figures: ReadonlyMap<string, Figures>,
  family: Family,
  security: "mutual TLS" | "plain",
): void {
  const at = (kind: string) => figures.get(kind) as Figures;
  const [none, hand, own] = ["none", `hand ${security}`, `tandem ${security}`].map((kind) =>
    at(`${kind} ${family}`),
  ) as [Figures, Figures, Figures];
  for (const which of ["p50", "p99"] as const) {
    const [without, floor, value] = [none, hand, own].map((one) => quantile(one[which], 0.25)) as [
      number,
      number,
      number,
    ];
    const ratio = (value - without) / (floor - without);
    const ok = ratio <= MOST;
    if (!ok) process.exitCode = 1;
    const ms = (time: number) => time.toFixed(3);
    console.log(
      `${family}, ${security}, ${which}: the pair adds ${ms(value - without)} ms to ${ms(without)} ms; by hand ${ms(floor - without)} ms; ` +
        `${ratio.toFixed(2)} times (at most ${MOST}) ${ok ? "ok" : "TOO MUCH"}`,
    );
  }
  const cpu = ({ cpu, asked }: Figures) => (cpu * 1000) / asked;
  console.log(
    `${family}, ${security}: CPU of both Envoys ${cpu(own).toFixed(0)} µs a request; by hand ${cpu(hand).toFixed(0)} µs; ` +
      `${(cpu(own) / cpu(hand)).toFixed(2)} times`,
  );
  console.log(
    `${family}, ${security}: ${own.asked} requests sent, ${own.failed} failed (by hand: ${hand.failed} of ${hand.asked})`,
  );
  if (own.failed > 0) process.exitCode = 1;
}

const closers: (() => unknown)[] = [];
try {
  const world = await startWorld([pod("a"), pod("b"), ...FAMILIES.map(serviceOf)].join("\n"), ["a", "b"], []);
  closers.push(() => world.close());
  const sidecars = ownEnvoys();
  const networks = await Promise.all([createNetwork(), createNetwork(), createNetwork()]);
  const [bare, plain, secure] = networks as [TestNetwork, TestNetwork, TestNetwork];
  for (const network of networks) closers.push(() => network.close());
  const byHand = { plain: [] as number[], secure: [] as number[] };
  for (const [network, tls] of [
    [plain, false],
    [secure, true],
  ] as const) {
    for (const envoy of await startByHand(network, PORT, tls)) {
      byHand[tls ? "secure" : "plain"].push(envoy.pid as number);
      closers.push(() => envoy.kill("SIGKILL"));
    }
  }
  const loadOf = async (network: TestNetwork) => {
    const load = await Load.start(network);
    closers.push(() => load.close());
    return load;
  };
  const loads = { bare: await loadOf(bare), plain: await loadOf(plain), secure: await loadOf(secure) };
  const own = await loadOf(world.network);
  const across = (load: Load, family: Family): (() => Promise<LoadResult>) => {
    return () => load.round({ address: VIPS[family], port: 80, host: HOSTS[family] });
  };
  const direct = (family: Family) => () =>
    loads.bare.round({ address: ADDRESSES.b[family], port: PORT, host: HOSTS[family] });
  for (const security of ["mutual TLS", "plain"] as const) {
    if (security === "plain") await world.apply(PLAIN);
    const kind = security === "plain" ? "plain" : "secure";
    const ways = FAMILIES.flatMap((family): Way[] => [
      { name: `none ${family}`, envoys: [], run: direct(family) },
      { name: `hand ${security} ${family}`, envoys: byHand[kind], run: across(loads[kind], family) },
      { name: `tandem ${security} ${family}`, envoys: sidecars, run: across(own, family) },
    ]);
    const figures = await measure(ways);
    for (const family of FAMILIES) judge(figures, family, security);
  }
  for (const line of world.refused) console.log(`refused: ${line}`);
} finally {
  for (const close of closers.reverse()) await close();
}
