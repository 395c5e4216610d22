/**
 * A program of its own, run outside of a lab's cluster: `load.ts URL` sends requests until its standard input ends, one
 * after the other on connections that are kept and on new ones, and prints what it counted as JSON.
 */
import { Agent, get } from "node:http";

const KEPT = 4;
const FRESH = 4;
const PAUSE_MS = 5;
const TIMEOUT_MS = 10_000;

const url = process.argv[2] ?? "";
const failed: Record<string, number> = {};
let ok = 0;
let connections = 0;
let ended = false;

function once(agent: Agent): Promise<void> {
  return new Promise((resolve) => {
    const done = (result: string): void => {
      if (result === "200") ok++;
      else failed[result] = (failed[result] ?? 0) + 1;
      resolve();
    };
    const call = get(url, { agent, timeout: TIMEOUT_MS }, (response) => {
      response.resume();
      response.once("end", () => done(String(response.statusCode)));
      response.once("error", (error: NodeJS.ErrnoException) => done(error.code ?? "error"));
    });
    call.once("socket", (socket) => {
      if (socket.connecting) connections++;
    });
    call.once("timeout", () => call.destroy(Object.assign(new Error("timeout"), { code: "timeout" })));
    call.once("error", (error: NodeJS.ErrnoException) => done(error.code ?? "error"));
  });
}

async function worker(keepAlive: boolean): Promise<void> {
  const agent = new Agent({ keepAlive, maxSockets: 1 });
  while (!ended) {
    await once(agent);
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
  agent.destroy();
}

process.stdin.resume().once("end", () => {
  ended = true;
});
const workers = Array.from({ length: KEPT + FRESH }, (_, index) => worker(index < KEPT));
await Promise.all(workers);
console.log(JSON.stringify({ connections, ok, failed }));
