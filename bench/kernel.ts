/**
 * Kernel rules of many dual-stack Services: from the Kubernetes objects in memory to the rules
 * in force, against `nft -f` of the very same text; then one endpoint changed, against `nft -f` of one element in the
 * very same table. In network namespaces of its own, as root or not.
 *
 * Usage: kernel.ts [COUNT[xENDPOINTS]…]   Services, and endpoints of each (2); all that CASES names unless given
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Exec, NodeFacts, SyncReport } from "../src/kernel/index.ts";
import { startKernel } from "../src/kernel/index.ts";
import { loadScript } from "../src/kernel/load.ts";
import { Applied } from "../src/kernel/ownership.ts";
import { createTrafficModel } from "../src/traffic/index.ts";
import { createNamespace } from "../test/kernel/network.ts";
import { fill, type Objects, objectsOf, sliceOf } from "./lib/services.ts";

const LOADS = 3;
const CHANGES = 30;
const MOST_LOAD = 1.5;
const MOST_CHANGE = 3;

const FACTS: NodeFacts = {
  nodeName: "node-1",
  families: ["IPv4", "IPv6"],
  addresses: { IPv4: ["172.18.0.2"], IPv6: ["fd00:172:18::2"] },
  podRanges: { IPv4: ["10.128.0.0/9"], IPv6: ["fd00:10:244::/48"] },
  serviceRanges: { IPv4: ["10.0.0.0/9"], IPv6: ["fd00:10:96::/108"] },
};

/** Loads everything, then changes endpoints one by one; times in ms. */
async function ours(objects: Objects): Promise<{ load: number; changes: number[]; floors: number[] }> {
  const space = await createNamespace();
  const stop = new AbortController();
  const model = createTrafficModel();
  let synced = (_: SyncReport) => {};
  globalThis.gc?.();
  const began = performance.now();
  fill(model, objects);
  const kernel = startKernel({
    source: model,
    facts: FACTS,
    exec: space.exec,
    signal: stop.signal,
    onSync: (report) => synced(report),
  });
  await kernel.started;
  const load = performance.now() - began;
  const changes: number[] = [];
  const floors: number[] = [];
  for (let i = 0; i < CHANGES; i++) {
    const done = new Promise<SyncReport>((resolve) => {
      synced = resolve;
    });
    const start = performance.now();
    for (const family of ["IPv4", "IPv6"] as const) {
      model.onSlice({ type: "updated", object: sliceOf(i, family, [0, 2]) });
    }
    await done;
    changes.push(performance.now() - start);
    floors.push(await oneElement(space.exec, i));
  }
  stop.abort();
  await kernel.ended;
  await space.close();
  return { load, changes, floors };
}

/** Replaces one element of the largest map with nft alone. */
async function oneElement(exec: Exec, index: number): Promise<number> {
  const key = `10.0.${1 + (index >> 8)}.${index & 255} . 80 . 0`;
  const text = [
    `delete element ip tandem tcp-endpoints { ${key} }\n`,
    `add element ip tandem tcp-endpoints { ${key} : 10.128.255.255 . 8080 }\n`,
  ];
  const start = performance.now();
  const { code, stderr } = await exec(["nft", "-f", "-"], text);
  if (code !== 0) throw new Error(stderr);
  return performance.now() - start;
}

/** `nft -f` of the text that a load carries out. */
async function floor(file: string): Promise<number> {
  const space = await createNamespace();
  const start = performance.now();
  const { code, stderr } = await space.exec(["nft", "-f", file]);
  const took = performance.now() - start;
  await space.close();
  if (code !== 0) throw new Error(stderr);
  return took;
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] as number;
}

/** Prints a figure with its floor; true when the ratio holds. */
function report(what: string, own: readonly number[], bare: readonly number[], most: number): boolean {
  const [took, floorTook] = [median(own), median(bare)];
  const ratio = took / floorTook;
  const verdict = ratio <= most ? "ok" : "TOO SLOW";
  console.log(
    `${what}: ${took.toFixed(1)} ms; nft alone ${floorTook.toFixed(1)} ms; ratio ${ratio.toFixed(2)} (at most ${most}) ${verdict}`,
  );
  return ratio <= most;
}

/** What is measured: so many Services with so many endpoints, and how many ms the load may take. */
interface Case {
  readonly count: number;
  readonly endpoints: number;
  readonly mostMs?: number;
  /** How many times the floor it may take, unless {@link MOST_LOAD}. */
  readonly mostRatio?: number;
}

const CASES: readonly Case[] = [
  // The first loads of a process run code that is not compiled yet; nft's does not have to be.
  { count: 3_000, endpoints: 2, mostMs: 500, mostRatio: 2.5 },
  { count: 10_000, endpoints: 2, mostMs: 1_200 },
  { count: 50_000, endpoints: 2, mostMs: 6_000 },
  { count: 5_000, endpoints: 50 },
];

async function run(
  { count, endpoints, mostMs, mostRatio = MOST_LOAD }: Case,
  folder: string,
): Promise<boolean> {
  const objects = objectsOf(count, endpoints);
  const file = join(folder, `${count}.nft`);
  const model = createTrafficModel();
  fill(model, objects);
  const script = loadScript(model, FACTS, new Applied());
  writeFileSync(file, [...script.texts.values()].flatMap((text) => [...text]).join(""));
  const runs: Awaited<ReturnType<typeof ours>>[] = [];
  const floors: number[] = [];
  const loads = count * endpoints > 20_000 ? 1 : LOADS;
  for (let i = 0; i < loads; i++) {
    floors.push(await floor(file));
    runs.push(await ours(objects));
  }
  const name = `${count} dual-stack Services with ${endpoints} endpoints each`;
  const loaded = report(
    `${name}, objects to rules`,
    runs.map(({ load }) => load),
    floors,
    mostRatio,
  );
  const changed = report(
    `${name}, one endpoint changed`,
    runs.flatMap(({ changes }) => changes),
    runs.flatMap((one) => one.floors),
    MOST_CHANGE,
  );
  const took = median(runs.map(({ load }) => load));
  const inTime = mostMs === undefined || took <= mostMs;
  if (!inTime) console.log(`${name}: ${took.toFixed(0)} ms is more than ${mostMs} ms: TOO SLOW`);
  console.log(`memory of the process, objects included: ${(process.memoryUsage().rss / 1e6).toFixed(0)} MB`);
  return loaded && changed && inTime;
}

const folder = mkdtempSync(join(tmpdir(), "tandem-bench-"));
try {
  const asked = process.argv.slice(2).map((text): Case => {
    const [count, endpoints = 2] = text.split("x").map(Number);
    return (
      CASES.find((one) => one.count === count && one.endpoints === endpoints) ?? {
        count: count ?? 0,
        endpoints,
      }
    );
  });
  for (const one of asked.length > 0 ? asked : CASES) {
    if (!(await run(one, folder))) process.exitCode = 1;
  }
} finally {
  rmSync(folder, { recursive: true });
}
