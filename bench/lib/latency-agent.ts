/**
 * Runs in a pod of bench/mesh-latency.ts: answers requests, or sends them at a steady rate whatever the answers take.
 * Usage: latency-agent.ts serve PORT | latency-agent.ts load; rounds come as lines of JSON, results go back so.
 */
import { createServer } from "node:http";
import { connect, type Socket } from "node:net";
import { createInterface } from "node:readline";

/** One round: so many requests a second, for some milliseconds. */
export interface LoadRound {
  readonly address: string;
  readonly port: number;
  /** The host that requests name. */
  readonly host: string;
  readonly rate: number;
  readonly ms: number;
}

/**
 * What the load generator itself has counted. Times in milliseconds, from when it came to send a request, or would have
 * if a connection had been free, to its answer.
 */
export interface LoadResult {
  readonly sent: number;
  readonly answered: number;
  readonly failed: number;
  readonly times: readonly number[];
}

const CONNECTIONS = 16;
const BODY = Buffer.alloc(1024, "x");
const END = "\r\n\r\n";
/** After the last request, what is not answered within this time has failed. */
const PATIENCE_MS = 2_000;

interface Lane {
  readonly socket: Socket;
  /** When the request under way was due; undefined: free. */
  due: number | undefined;
  answer: string;
}

async function load({ address, port, host, rate, ms }: LoadRound): Promise<LoadResult> {
  const request = `GET / HTTP/1.1\r\nHost: ${host}${END}`;
  const times: number[] = [];
  const waiting: number[] = [];
  let failed = 0;
  let sent = 0;
  const send = (lane: Lane, due: number) => {
    lane.due = due;
    lane.socket.write(request);
  };
  const onData = (lane: Lane, text: string) => {
    lane.answer += text;
    const head = lane.answer.indexOf(END);
    if (head < 0 || lane.answer.length < head + END.length + BODY.length) return;
    if (!lane.answer.startsWith("HTTP/1.1 200")) failed++;
    else times.push(performance.now() - (lane.due ?? 0));
    lane.answer = "";
    lane.due = undefined;
    const next = waiting.shift();
    if (next !== undefined) send(lane, next);
  };
  const lanes = await Promise.all(Array.from({ length: CONNECTIONS }, () => laneTo(address, port)));
  for (const lane of lanes) {
    lane.socket.on("data", (data) => onData(lane, data.toString("latin1")));
    lane.socket.on("error", () => failed++);
  }
  for (const lane of lanes) send(lane, performance.now());
  // connections between sidecars stand then
  const warm = performance.now() + PATIENCE_MS;
  do await pause(100);
  while (lanes.some(({ due }) => due !== undefined) && performance.now() < warm);
  times.length = 0;
  const began = performance.now();
  const total = (rate * ms) / 1000;
  while (sent < total) {
    const now = performance.now();
    for (; sent < total && began + (sent * 1000) / rate <= now; sent++) {
      const free = lanes.find((lane) => lane.due === undefined);
      if (free === undefined) waiting.push(now);
      else send(free, performance.now());
    }
    await pause(1);
  }
  const end = performance.now() + PATIENCE_MS;
  while (times.length + failed < sent && performance.now() < end) await pause(5);
  for (const { socket } of lanes) socket.destroy();
  return { sent, answered: times.length, failed: sent - times.length, times };
}

function laneTo(address: string, port: number): Promise<Lane> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: address, port, noDelay: true });
    socket.once("error", reject);
    socket.once("connect", () => resolve({ socket, due: undefined, answer: "" }));
  });
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

const [mode, port] = process.argv.slice(2);
if (mode === "serve") {
  const server = createServer((_, response) => response.end(BODY));
  server.listen({ port: Number(port), host: "::" }, () => console.log("{}"));
} else {
  createInterface({ input: process.stdin })
    .on("line", async (line) => console.log(JSON.stringify(await load(JSON.parse(line) as LoadRound))))
    .on("close", () => process.exit());
}
