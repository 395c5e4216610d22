/**
 * `tandem proxy` beside an API server with 10,000 dual-stack Services, in a network namespace of its own: one endpoint
 * changed, from the API write to the rule in force, against a bare watch plus nft alone; and the memory of the proxy
 * process, against that of a Node that does nothing.
 *
 * Usage: proxy.ts [COUNT]   number of Services; 10000 unless given
 */
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { ProxySpace } from "../test/cli/proxy-space.ts";

const COUNT = Number(process.argv[2] ?? 10_000);
const CHANGES = 200;
const MOST_P50 = 40;
const MOST_P99 = 100;
const MOST_MB = 200;

function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] as number;
}

/** Resident memory of a process and its peak, in MB. */
function memoryOf(pid: number): { now: number; peak: number } {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const field = (name: string) => Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1]) / 1000;
  return { now: field("VmRSS"), peak: field("VmHWM") };
}

async function idleMemory(): Promise<number> {
  const child = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000); console.log()"], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await new Promise((resolve) => child.stdout.once("data", resolve));
  const { now } = memoryOf(child.pid as number);
  child.kill();
  return now;
}

function verdict(holds: boolean): string {
  if (!holds) process.exitCode = 1;
  return holds ? "ok" : "TOO MUCH";
}

const space = await ProxySpace.create();
try {
  await space.call("create", "Node", {
    metadata: { name: "node-1" },
    spec: {},
    status: {
      addresses: [
        { type: "InternalIP", address: "172.18.0.2" },
        { type: "InternalIP", address: "fd00:172:18::2" },
      ],
    },
  });
  const driver = space.program(
    join(import.meta.dirname, "lib/proxy-driver.ts"),
    String(COUNT),
    String(CHANGES),
  );
  const answers = createInterface({ input: driver.stdout as NodeJS.ReadableStream })[Symbol.asyncIterator]();
  const ask = async (what: string) => {
    driver.stdin?.write(`${what}\n`);
    return JSON.parse((await answers.next()).value ?? "{}");
  };
  let began = performance.now();
  await ask("fill");
  console.log(
    `${COUNT} Services and ${2 * COUNT} slices written in ${((performance.now() - began) / 1000).toFixed(1)} s`,
  );
  began = performance.now();
  const proxy = await space.proxy("--cluster-cidr=10.128.0.0/9,fd00:10:244::/48");
  console.log(
    `tandem proxy, from its start to all rules in force: ${(performance.now() - began).toFixed(0)} ms`,
  );
  const { ours, watched, nft } = (await ask("change")) as Record<string, number[]> & {
    ours: number[];
    watched: number[];
    nft: number[];
  };
  const floor = watched.map((time, index) => time + (nft[index] as number));
  for (const [name, q, most] of [["p50", 0.5, MOST_P50] as const, ["p99", 0.99, MOST_P99] as const]) {
    const took = quantile(ours, q);
    console.log(
      `one endpoint changed, API write to rule in force, ${name}: ${took.toFixed(1)} ms; ` +
        `write to a bare watch plus nft alone ${quantile(floor, q).toFixed(1)} ms (at most ${most} ms) ${verdict(took <= most)}`,
    );
  }
  const memory = memoryOf(proxy.child.pid as number);
  console.log(
    `memory of the proxy: ${memory.now.toFixed(0)} MB (peak ${memory.peak.toFixed(0)} MB); ` +
      `a Node that does nothing ${(await idleMemory()).toFixed(0)} MB (at most ${MOST_MB} MB) ${verdict(memory.now <= MOST_MB)}`,
  );
  driver.stdin?.end();
} finally {
  await space.close();
}
