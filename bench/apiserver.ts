/**
 * The API server by itself, stored durably: dual-stack Service creations a second from one client and from 32, listing,
 * memory and starting again. Beside the first two stands their floor, taken in the same run: appending the same bytes to a
 * file and flushing each time (fdatasync); one flush may carry the writes of 32 clients. Beside the start stands a bare
 * Node that reads the same store, by turns with it.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, fdatasyncSync, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from "node:fs";
import { Agent, request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";

const ROOT = join(import.meta.dirname, "..");
const TOTAL = Number(process.env["BENCH_SERVICES"] ?? 10_000);
const ALONE = Math.min(1000, TOTAL / 4);
/** Starts with everything stored, by turns with their floor; the median counts. */
const STARTS = 5;
/** What kube-apiserver 1.35 with etcd did on a machine of two cores. */
const RECORDED = { one: "31-48/s", many: "92/s", list: 0.11, ready: 3 };

const agent = new Agent({ keepAlive: true, maxSockets: 32, rejectUnauthorized: false });

interface Running {
  readonly child: ChildProcess;
  readonly url: string;
  readonly token: string;
  readonly startedIn: number;
}

async function start(directory: string): Promise<Running> {
  const from = performance.now();
  const child = spawn(
    join(ROOT, "bin/tandem"),
    ["apiserver", "--data-dir", directory, "--secure-port", "0"],
    {
      stdio: ["ignore", "pipe", "inherit"],
    },
  );
  const url = await new Promise<string>((resolve, reject) => {
    child.stdout!.on("data", (text: Buffer) => {
      const found = /https:\/\/127[^ ]+/.exec(text.toString());
      if (found !== null) resolve(found[0]);
    });
    child.once("exit", (code) => reject(new Error(`the server ended with ${code}`)));
  });
  process.once("exit", () => child.kill("SIGKILL"));
  const startedIn = (performance.now() - from) / 1000;
  return { child, url, token: readFileSync(join(directory, "token"), "utf8").trim(), startedIn };
}

async function stop({ child }: Running): Promise<void> {
  const ended = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGTERM");
  await ended;
}

function send(
  server: Running,
  method: string,
  path: string,
  body?: unknown,
): Promise<{ status: number; text: string }> {
  const data = body === undefined ? undefined : JSON.stringify(body);
  const headers = { authorization: `Bearer ${server.token}`, "content-type": "application/json" };
  return new Promise((resolve, reject) => {
    const call = request(server.url + path, { method, agent, headers }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("end", () =>
        resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString() }),
      );
    });
    call.on("error", reject);
    call.end(data);
  });
}

function service(index: number): object {
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: `service-${index}`, labels: { app: `app-${index}` } },
    spec: {
      ipFamilyPolicy: "RequireDualStack",
      selector: { app: `app-${index}` },
      ports: [{ name: "http", port: 80, targetPort: 8080 }],
    },
  };
}

function slice(index: number, family: "IPv4" | "IPv6"): object {
  const address = (n: number): string =>
    family === "IPv4"
      ? `10.244.${(index >> 7) & 255}.${((index & 127) << 1) + n}`
      : `fd00:10:244::${(index + 1).toString(16)}:${n + 1}`;
  const name = `service-${index}`;
  return {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: {
      name: `${name}-${family.toLowerCase()}`,
      labels: {
        "kubernetes.io/service-name": name,
        "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
      },
    },
    addressType: family,
    endpoints: [0, 1].map((n) => ({
      addresses: [address(n)],
      conditions: { ready: true, serving: true, terminating: false },
      nodeName: "node-1",
      targetRef: { kind: "Pod", namespace: "default", name: `pod-${index}-${n}` },
    })),
    ports: [{ name: "http", port: 8080, protocol: "TCP" }],
  };
}

/** Runs the work for all indices with so many clients; gives the rate a second. */
async function rate(
  from: number,
  to: number,
  clients: number,
  work: (index: number) => Promise<void>,
): Promise<number> {
  const started = performance.now();
  let next = from;
  const client = async (): Promise<void> => {
    while (next < to) await work(next++);
  };
  await Promise.all(Array.from({ length: clients }, client));
  return ((to - from) * 1000) / (performance.now() - started);
}

function flushFloor(directory: string, bytes: number, rounds: number): number {
  const file = openSync(join(directory, "floor"), "w");
  const block = Buffer.alloc(bytes, "x");
  const started = performance.now();
  for (let round = 0; round < rounds; round++) {
    writeSync(file, block);
    fdatasyncSync(file);
  }
  closeSync(file);
  return (rounds * 1000) / (performance.now() - started);
}

function residentMiB(pid: number): number {
  const line = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8"));
  return Number(line?.[1] ?? 0) / 1024;
}

/** Seconds until a bare Node has read all that is stored. */
async function readFloor(directory: string): Promise<number> {
  const from = performance.now();
  const program = join(ROOT, "bench/lib/read-store.ts");
  const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", program, directory], {
    env: { ...process.env, NODE_COMPILE_CACHE: join(ROOT, "node_modules/.cache/tandem") },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = new Promise((resolve) => child.once("close", resolve));
  await Promise.race([new Promise((resolve) => child.stdout.once("data", resolve)), ended]);
  const took = (performance.now() - from) / 1000;
  await ended;
  if (child.exitCode !== 0) throw new Error(`reading the store ended with ${child.exitCode}`);
  return took;
}

/** Starts the server again and again, by turns with the floor; prints both, and memory after the last start. */
async function startAgain(directory: string): Promise<void> {
  const starts: number[] = [];
  const floors: number[] = [];
  let memory = 0;
  for (let round = 0; round < STARTS; round++) {
    floors.push(await readFloor(directory));
    const server = await start(directory);
    starts.push(server.startedIn);
    memory = residentMiB(server.child.pid!);
    await stop(server);
  }
  const [ready, floor] = [median(starts), median(floors)];
  console.log(
    `start with them stored:  ${ready.toFixed(2)} s to ready, the median of ${STARTS} (bound 0.5; kube-apiserver empty about ${RECORDED.ready} s); floor, a bare Node that reads them: ${floor.toFixed(2)} s; ratio ${(ready / floor).toFixed(2)}`,
  );
  console.log(`memory after that start: ${memory.toFixed(0)} MiB`);
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;
}

const SERVICES = "/api/v1/namespaces/default/services";
const SLICES = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices";

async function main(directory: string): Promise<void> {
  const server = await start(directory);
  let bytes = 0;
  const expectCreated = async (path: string, body: object): Promise<void> => {
    const { status, text } = await send(server, "POST", path, body);
    if (status !== 201) throw new Error(`${path}: ${status} ${text}`);
    bytes = text.length;
  };
  const create = (index: number): Promise<void> => expectCreated(SERVICES, service(index));
  await rate(0, 50, 1, create);
  const floor = flushFloor(directory, bytes + 700, 300);
  const one = await rate(50, 50 + ALONE, 1, create);
  const many = await rate(50 + ALONE, 3000, 32, create);
  console.log(
    `creations/s, 1 client:   ${one.toFixed(0)}  (kube-apiserver ${RECORDED.one}); floor ${floor.toFixed(0)} flushes/s; ratio ${(one / floor).toFixed(2)}`,
  );
  console.log(
    `creations/s, 32 clients: ${many.toFixed(0)}  (kube-apiserver ${RECORDED.many}); floor ${floor.toFixed(0)} flushes/s; ratio ${(many / floor).toFixed(2)}`,
  );
  const lists: number[] = [];
  for (let round = 0; round < 5; round++) {
    const started = performance.now();
    await send(server, "GET", SERVICES);
    lists.push((performance.now() - started) / 1000);
  }
  console.log(`list of 3,000 Services:  ${median(lists).toFixed(3)} s  (kube-apiserver ${RECORDED.list} s)`);
  await rate(3000, TOTAL, 32, create);
  await rate(0, TOTAL, 32, async (index) => {
    for (const family of ["IPv4", "IPv6"] as const) await expectCreated(SLICES, slice(index, family));
  });
  console.log(
    `memory with ${TOTAL} Services and ${2 * TOTAL} slices: ${residentMiB(server.child.pid!).toFixed(0)} MiB (bound 250)`,
  );
  await stop(server);
  await startAgain(directory);
}

const directory = mkdtempSync(join(tmpdir(), "tandem-bench-"));
try {
  await main(directory);
} finally {
  agent.destroy();
  rmSync(directory, { recursive: true, force: true });
}
