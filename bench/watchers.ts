/**
 * A thousand watchers of Services while a hundred changes a second come in: does every watcher see every change, in
 * order, and how late? The floor beside it is one watcher alone, in the same run. The watchers share one process.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { Agent, request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";

const ROOT = join(import.meta.dirname, "..");
const WATCHERS = Number(process.env["BENCH_WATCHERS"] ?? 1000);
const SECONDS = Number(process.env["BENCH_SECONDS"] ?? 10);
const CHANGES_PER_SECOND = 100;
const PATH = "/api/v1/namespaces/default/services";

interface Server {
  readonly child: ChildProcess;
  readonly url: string;
  readonly token: string;
}

async function start(directory: string): Promise<Server> {
  const args = ["apiserver", "--data-dir", directory, "--secure-port", "0"];
  const child = spawn(join(ROOT, "bin/tandem"), args, { stdio: ["ignore", "pipe", "inherit"] });
  const url = await new Promise<string>((resolve, reject) => {
    child.stdout.on("data", (text: Buffer) => {
      const found = /https:\/\/127[^ ]+/.exec(text.toString());
      if (found !== null) resolve(found[0]);
    });
    child.once("exit", (code) => reject(new Error(`the server ended with ${code}`)));
  });
  process.once("exit", () => child.kill("SIGKILL"));
  return { child, url, token: readFileSync(join(directory, "token"), "utf8").trim() };
}

const writers = new Agent({ keepAlive: true, maxSockets: 8, rejectUnauthorized: false });
const watching = new Agent({
  keepAlive: false,
  maxSockets: Number.POSITIVE_INFINITY,
  rejectUnauthorized: false,
});

function write(server: Server, method: string, path: string, body: unknown, type: string): Promise<void> {
  const headers = { authorization: `Bearer ${server.token}`, "content-type": type };
  return new Promise((resolve, reject) => {
    const call = request(server.url + path, { method, agent: writers, headers }, (response) => {
      response.resume();
      response.on("end", () => {
        if ((response.statusCode ?? 500) < 300) resolve();
        else reject(new Error(`${method} ${path}: ${response.statusCode}`));
      });
    });
    call.on("error", reject);
    call.end(JSON.stringify(body));
  });
}

/** What one watcher saw: the numbers of the changes in the order of arrival, and how late each was (ms). */
interface Seen {
  readonly numbers: number[];
  readonly lags: number[];
}

/** Resolves once the server has answered, so that no change is missed. */
function watch(server: Server, seen: Seen): Promise<void> {
  const headers = { authorization: `Bearer ${server.token}`, accept: "application/json" };
  return new Promise((resolve, reject) => {
    const call = request(`${server.url}${PATH}?watch=1`, { agent: watching, headers }, (response) => {
      let rest = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => {
        const now = performance.now();
        const lines = (rest + chunk).split("\n");
        rest = lines.pop() ?? "";
        for (const line of lines) note(line, now, seen);
      });
      response.on("error", () => {}); // the server ends before the watcher
      resolve();
    });
    call.on("error", reject);
    call.end();
  });
}

/** Picks number and time by search: parsing a hundred thousand objects a second is not what is measured. */
function note(line: string, now: number, seen: Seen): void {
  const found = /"bench":"(\d+) ([\d.]+)"/.exec(line);
  if (found === null) return;
  seen.numbers.push(Number(found[1]));
  seen.lags.push(now - Number(found[2]));
}

async function run(count: number): Promise<Seen[]> {
  const directory = mkdtempSync(join(tmpdir(), "tandem-watchers-"));
  const server = await start(directory);
  const service = {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "s" },
    spec: { ports: [{ port: 80 }] },
  };
  await write(server, "POST", PATH, service, "application/json");
  const all: Seen[] = [];
  for (let i = 0; i < count; i++) {
    const seen: Seen = { numbers: [], lags: [] };
    all.push(seen);
    await watch(server, seen);
  }
  const total = SECONDS * CHANGES_PER_SECOND;
  const from = performance.now();
  for (let number = 1; number <= total; number++) {
    const due = from + (number * 1000) / CHANGES_PER_SECOND;
    const pause = due - performance.now();
    if (pause > 0) await new Promise((resolve) => setTimeout(resolve, pause));
    const bench = `${number} ${performance.now().toFixed(3)}`;
    const patch = { metadata: { annotations: { bench } } };
    // one at a time, so that the order of the changes is known
    await write(server, "PATCH", `${PATH}/s`, patch, "application/merge-patch+json");
  }
  await settled(all, total);
  server.child.kill("SIGKILL");
  rmSync(directory, { recursive: true });
  return all;
}

const SETTLE_ATTEMPTS = 300;

async function settled(all: readonly Seen[], total: number): Promise<void> {
  for (let attempt = 0; attempt < SETTLE_ATTEMPTS; attempt++) {
    if (all.every((seen) => seen.numbers.length >= total)) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

function complete(seen: Seen): boolean {
  const total = SECONDS * CHANGES_PER_SECOND;
  return seen.numbers.length === total && seen.numbers.every((number, index) => number === index + 1);
}

function quantile(values: readonly number[], part: number): number {
  return values[Math.min(values.length - 1, Math.floor(values.length * part))] ?? Number.NaN;
}

function report(title: string, all: readonly Seen[]): number {
  const lags = all.flatMap((seen) => seen.lags).sort((a, b) => a - b);
  const good = all.filter(complete).length;
  const [p50, p99] = [quantile(lags, 0.5), quantile(lags, 0.99)];
  console.log(
    `${title}: ${good} of ${all.length} saw all ${SECONDS * CHANGES_PER_SECOND} changes in order; lag p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms`,
  );
  if (good < all.length) process.exitCode = 1;
  return p50;
}

const alone = report("1 watcher (floor)", await run(1));
const many = report(`${WATCHERS} watchers`, await run(WATCHERS));
console.log(`ratio of the lags at p50: ${(many / alone).toFixed(1)}`);
process.exit();
