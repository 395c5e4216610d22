/**
 * Packets through a ClusterIP against the pod directly, per family, in network namespaces of the bench's own: new
 * connections per second, throughput of one connection (by a small sender of Node's: iperf3 need not be there), and the
 * time to a connection's first answer with 100, 10,000 and 50,000 Services.
 *
 * Usage: datapath.ts [COUNT…]   numbers of Services
 */
import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { startKernel } from "../src/kernel/index.ts";
import { createTrafficModel } from "../src/traffic/index.ts";
import { setWeb, web } from "../test/kernel/cluster.ts";
import { ADDRESSES, createNetwork, FACTS, type Place, type TestNetwork } from "../test/kernel/network.ts";
import { fill, objectsOf } from "./lib/services.ts";
import type { SendRequest } from "./lib/sender.ts";

const COUNTS = process.argv.length > 2 ? process.argv.slice(2).map(Number) : [100, 10_000, 50_000];
const FAMILIES = ["IPv4", "IPv6"] as const;
const ROUNDS = 9;
const ROUND_MS = 400;
const FIRSTS = 400;
const PORT = 9000;
/** The Service that is measured; none of the others has its addresses. */
const SERVICE = { IPv4: "10.96.0.1", IPv6: "fd00:10:96::ff00" } as const;
const LEAST_CONNECTS = 0.9;
const LEAST_BYTES = 0.95;

/** A process in a pod of the test network. */
class Sender {
  readonly #child: ChildProcess;
  readonly #answers: AsyncIterator<string>;

  constructor(network: TestNetwork, place: Place, ...args: string[]) {
    const script = join(import.meta.dirname, "lib/sender.ts");
    const [program = "", ...rest] = [...network.enter(place), process.execPath, script, ...args];
    this.#child = spawn(program, rest, { stdio: ["pipe", "pipe", "inherit"] });
    this.#answers = createInterface({ input: this.#child.stdout as NodeJS.ReadableStream })[
      Symbol.asyncIterator
    ]();
  }

  async next(): Promise<number> {
    return JSON.parse((await this.#answers.next()).value as string) as number;
  }

  ask(request: SendRequest): Promise<number> {
    this.#child.stdin?.write(`${JSON.stringify(request)}\n`);
    return this.next();
  }

  end(): void {
    this.#child.stdin?.end();
  }
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] as number;
}

/** Alternates between both ways, so that what else the machine does hits both alike. */
async function compare(
  sender: Sender,
  what: SendRequest["what"],
  family: (typeof FAMILIES)[number],
  amount: number,
): Promise<{ service: number; direct: number; ratio: number }> {
  const service: number[] = [];
  const direct: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    service.push(await sender.ask({ what, host: SERVICE[family], port: 80, amount }));
    direct.push(await sender.ask({ what, host: ADDRESSES.a[family], port: PORT, amount }));
  }
  // Of the rounds' own ratios: two rounds side by side had the machine in the same state.
  const ratios = service.map((value, round) => value / (direct[round] as number));
  return { service: median(service), direct: median(direct), ratio: median(ratios) };
}

function report(text: string, ratio: number, least: number): void {
  if (ratio < least) process.exitCode = 1;
  console.log(`${text}; ratio ${ratio.toFixed(2)} (at least ${least}) ${ratio < least ? "TOO SLOW" : "ok"}`);
}

async function run(count: number, isLast: boolean): Promise<void> {
  const network = await createNetwork();
  const stop = new AbortController();
  const model = createTrafficModel();
  fill(model, objectsOf(count));
  setWeb(
    model,
    web({
      clusterIPs: Object.values(SERVICE),
      ports: [{ name: "http", protocol: "TCP", port: 80, targetPort: PORT }],
    }),
    [{ pod: "a" }],
    PORT,
  );
  const kernel = startKernel({
    source: model,
    facts: FACTS,
    exec: network.exec,
    signal: stop.signal,
    auditMs: 0,
  });
  await kernel.started;
  const server = new Sender(network, "a", "serve", String(PORT));
  await server.next();
  const sender = new Sender(network, "client", "send");
  try {
    for (const family of FAMILIES) {
      const { service, direct } = await compare(sender, "first", family, FIRSTS);
      console.log(
        `${count} Services, ${family}, first packet to its answer: ${(service * 1000).toFixed(0)} µs through the ` +
          `ClusterIP, ${(direct * 1000).toFixed(0)} µs to the pod directly`,
      );
    }
    for (const family of isLast ? FAMILIES : []) {
      const connects = await compare(sender, "connects", family, ROUND_MS);
      report(
        `${count} Services, ${family}, new connections per second: ${connects.service.toFixed(0)} through the ` +
          `ClusterIP, ${connects.direct.toFixed(0)} directly`,
        connects.ratio,
        LEAST_CONNECTS,
      );
      const bytes = await compare(sender, "bytes", family, ROUND_MS);
      report(
        `${count} Services, ${family}, throughput: ${((bytes.service * 8) / 1e9).toFixed(2)} Gbit/s through the ` +
          `ClusterIP, ${((bytes.direct * 8) / 1e9).toFixed(2)} directly`,
        bytes.ratio,
        LEAST_BYTES,
      );
    }
  } finally {
    sender.end();
    server.end();
    stop.abort();
    await kernel.ended;
    await network.close();
  }
}

for (const [index, count] of COUNTS.entries()) await run(count, index === COUNTS.length - 1);
