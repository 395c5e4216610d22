/**
 * Runs in a pod's namespace of a bench: serves on a port, or sends to one. Requests and results are lines of JSON.
 * Usage: sender.ts serve PORT | sender.ts send
 */
import { connect, createServer } from "node:net";
import { createInterface } from "node:readline";

/** What to do: `connects` one after the other for some ms, `first` so many with their times, or `bytes` for some ms. */
export interface SendRequest {
  readonly what: "connects" | "first" | "bytes";
  readonly host: string;
  readonly port: number;
  readonly amount: number;
}

const CHUNK = Buffer.alloc(256 * 1024);
/** Connections that are under way at once. */
const CONCURRENCY = 8;

function serve(port: number): void {
  // Reads everything and ends with the client. Resets on close keep ports out of TIME-WAIT.
  createServer((socket) => socket.on("error", () => {}).resume()).listen(port, "::", () => console.log("{}"));
}

/** One connection; ms until it stands. */
function connectOnce({ host, port }: SendRequest): Promise<number> {
  return new Promise((resolve, reject) => {
    const began = performance.now();
    const socket = connect({ host, port });
    socket.once("error", reject);
    socket.setTimeout(5000, () => reject(new Error(`no answer from ${host} port ${port}`)));
    socket.once("connect", () => {
      const took = performance.now() - began;
      socket.resetAndDestroy();
      resolve(took);
    });
  });
}

/** Connections per second. */
async function connects(request: SendRequest): Promise<number> {
  const began = performance.now();
  let made = 0;
  const worker = async () => {
    while (performance.now() - began < request.amount) {
      await connectOnce(request);
      made++;
    }
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, worker));
  return (made * 1000) / (performance.now() - began);
}

/** Median ms from the first packet to its answer. */
async function first(request: SendRequest): Promise<number> {
  const times: number[] = [];
  for (let i = 0; i < request.amount; i++) times.push(await connectOnce(request));
  return times.sort((a, b) => a - b)[times.length >> 1] as number;
}

/** Bytes per second over one connection. */
function bytes({ host, port, amount }: SendRequest): Promise<number> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port });
    socket.once("error", reject);
    socket.once("connect", () => {
      const began = performance.now();
      const pump = () => {
        while (performance.now() - began < amount) if (!socket.write(CHUNK)) return;
        socket.off("drain", pump);
        const sent = socket.bytesWritten - socket.writableLength;
        resolve((sent * 1000) / (performance.now() - began));
        socket.resetAndDestroy();
      };
      socket.on("drain", pump);
      pump();
    });
  });
}

const [mode, port] = process.argv.slice(2);
if (mode === "serve") serve(Number(port));
const actions = { connects, first, bytes };
const lines = createInterface({ input: process.stdin });
lines.on("line", async (line) => {
  const request = JSON.parse(line) as SendRequest;
  console.log(JSON.stringify(await actions[request.what](request)));
});
lines.on("close", () => process.exit(0));
