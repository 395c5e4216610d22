/**
 * Gateways at 100, 1,000 and 5,000 HTTPRoutes, in a lab: how long a burst of routes and a single new one take to serve,
 * whether requests fail meanwhile and while a family of the backends is lost, the CPU of a change, the memory of the
 * controller, and what dual-stack costs in configuration. Floors in the same run: a bare watch of the same objects, the
 * same requests before the loss, and a Node that does nothing.
 *
 * Usage: gateway.ts [MOST]   number of routes at the end; 5000 unless given
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import type { LoadReport } from "../test/whole/http-load.ts";
import { FAMILIES, type Family } from "../src/ip/family.ts";
import { memoryAlone } from "./lib/gateway-alone.ts";
import type { GatewayAnswer, GatewayQuestion } from "./lib/gateway-driver.ts";
import { memoryOf } from "./lib/process-memory.ts";

const ROOT = resolve(import.meta.dirname, "..");
const MOST = Number(process.argv[2] ?? 5000);
const BURST_MS = 2000;
const SINGLE_P99_MS = 100;
const MOST_MB = 150;
const RATE = 500;
/** The loss of a family: requests a second, how long before and after it, and by how much their p99 may grow. */
const LOSS = { rate: 200, spanMs: 10_000, mostMs: 400 };
const TICK_MS = 10;
/** A pause without changes before memory is read. */
const SETTLE_MS = 5000;

const home = mkdtempSync(join(tmpdir(), "tandem-bench-"));
const env = { ...process.env, TANDEM_HOME: home };
const tandem = (...args: string[]) => spawnSync(join(ROOT, "bin/tandem"), args, { env, encoding: "utf8" });

const MANIFEST = `
apiVersion: v1
kind: Namespace
metadata: { name: bench }
---
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: { name: tandem }
spec: { controllerName: tandem.dev/gateway-controller }
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: { name: edge, namespace: bench }
spec:
  gatewayClassName: tandem
  listeners: [{ name: http, port: 80, protocol: HTTP }]
---
apiVersion: v1
kind: Service
metadata: { name: web, namespace: bench }
spec:
  ipFamilyPolicy: PreferDualStack
  selector: { app: web }
  ports: [{ port: 80, targetPort: 8080 }]
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: web, namespace: bench }
spec:
  replicas: 2
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec:
      terminationGracePeriodSeconds: 0
      containers: [{ name: web, image: hashicorp/http-echo, args: ["-listen=:8080", "-text=web"] }]
`;

/** A program of ours outside of the cluster, with its lines. */
function outside(program: string, ...args: string[]) {
  const command = ["lab", "exec", "--outside", "--", process.execPath, join(ROOT, program), ...args];
  const child: ChildProcess = spawn(join(ROOT, "bin/tandem"), command, {
    env,
    stdio: ["pipe", "pipe", "inherit"],
  });
  const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream })[Symbol.asyncIterator]();
  const next = async () => (await lines.next()).value ?? "{}";
  return { child, next };
}

function controllerPid(): number {
  const { stdout } = spawnSync("pgrep", ["-f", `internal gateway ${home}/`], { encoding: "utf8" });
  return Number(stdout.trim().split("\n")[0]);
}

/** User and system time of a process so far, in milliseconds. */
function cpuOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
}

function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? Number.NaN;
}

function verdict(holds: boolean): string {
  if (!holds) process.exitCode = 1;
  return holds ? "ok" : "TOO MUCH";
}

async function run(): Promise<void> {
  writeFileSync(join(home, "bench.yaml"), MANIFEST);
  const up = tandem("up", "-f", join(home, "bench.yaml"));
  if (up.status !== 0) throw new Error(`tandem up ended with ${up.status}\n${up.stderr}`);
  const list = tandem(
    "lab",
    "exec",
    "--outside",
    "--",
    "kubectl",
    "get",
    "gateway",
    "-n",
    "bench",
    "edge",
    "-o",
    "json",
  );
  const addresses = (JSON.parse(list.stdout).status.addresses as { value: string }[]).map(
    ({ value }) => value,
  );
  const driver = outside("bench/lib/gateway-driver.ts", addresses[0] as string);
  await driver.next();
  const ask = async (question: GatewayQuestion): Promise<GatewayAnswer> => {
    driver.child.stdin?.write(`${JSON.stringify(question)}\n`);
    return JSON.parse(await driver.next()) as GatewayAnswer;
  };
  let routes = 0;
  const grow = async (count: number) => {
    const from = routes;
    routes = count;
    return ask({ what: "burst", from, to: count });
  };
  await grow(100);
  await cpuOfChange(ask, 100);
  await singles(ask, await burst(grow));
  await cpuOfChange(ask, 1000);
  await new Promise((resolvePause) => setTimeout(resolvePause, SETTLE_MS));
  const memory = memoryOf(controllerPid());
  console.log(
    `memory of the controller at 1,000 routes: ${memory.now.toFixed(0)} MB (peak ${memory.peak.toFixed(0)} MB); ` +
      `a Node that does nothing ${idleMemory().toFixed(0)} MB (at most ${MOST_MB} MB) ${verdict(memory.now <= MOST_MB)}`,
  );
  await underLoad(ask, addresses);
  for (const family of FAMILIES) await familyLost(family, addresses);
  if (MOST > 1000) {
    await grow(MOST);
    await cpuOfChange(ask, MOST);
  }
  driver.child.stdin?.end();
  await outOfTheLab();
}

/** What needs no lab: the command alone, and the sizes of configurations. */
async function outOfTheLab(): Promise<void> {
  const { now, peak } = await memoryAlone(1000);
  console.log(
    `memory of \`tandem gateway\` alone at 1,000 routes: ${now.toFixed(0)} MB (peak ${peak.toFixed(0)} MB; at most ${MOST_MB} MB) ` +
      verdict(now <= MOST_MB),
  );
  const sizes = spawnSync(process.execPath, [join(ROOT, "bench/envoy-desired.ts"), "1000"], {
    stdio: "inherit",
  });
  if (sizes.status !== 0) process.exitCode = 1;
}

type Ask = (question: GatewayQuestion) => Promise<GatewayAnswer>;

/** From 100 to 1,100 routes at once. */
async function burst(grow: (count: number) => Promise<GatewayAnswer>): Promise<GatewayAnswer> {
  const answer = await grow(1100);
  const took = answer.times[0] ?? Number.NaN;
  console.log(
    `1,000 HTTPRoutes in a burst: all serve ${took.toFixed(0)} ms after the last is written ` +
      `(at most ${BURST_MS} ms) ${verdict(took <= BURST_MS)}`,
  );
  console.log(
    `asked once Accepted: ${answer.asked}, failed ${answer.failed} ${verdict(answer.failed === 0)}`,
  );
  return answer;
}

async function singles(ask: Ask, _after: GatewayAnswer): Promise<void> {
  const { times, watched, asked, failed } = await ask({ what: "single", from: 10_000, to: 10_200 });
  const p99 = quantile(times, 0.99);
  console.log(
    `one more HTTPRoute at 1,000, write to first answer: p50 ${quantile(times, 0.5).toFixed(1)} ms, p99 ${p99.toFixed(1)} ms; ` +
      `write to a bare watch p50 ${quantile(watched, 0.5).toFixed(1)} ms, p99 ${quantile(watched, 0.99).toFixed(1)} ms ` +
      `(at most ${SINGLE_P99_MS} ms) ${verdict(p99 <= SINGLE_P99_MS)}`,
  );
  console.log(`asked once Accepted: ${asked}, failed ${failed} ${verdict(failed === 0)}`);
}

const CHANGES = 100;

/** After a pause, so that nothing counts of what was before. */
async function cpuOfChange(ask: Ask, count: number): Promise<void> {
  const pid = controllerPid();
  await new Promise((resolvePause) => setTimeout(resolvePause, SETTLE_MS));
  const before = cpuOf(pid);
  await ask({ what: "change", from: 0, to: CHANGES });
  const each = (cpuOf(pid) - before) / CHANGES;
  console.log(`CPU of the controller for one changed route at ${count}: ${each.toFixed(1)} ms`);
}

/** Steady requests to routes of which none changes, while others come and go. */
async function underLoad(ask: Ask, addresses: readonly string[]): Promise<void> {
  const load = await startLoad(RATE, addresses);
  await ask({ what: "churn", from: 20_000, to: 20_200 });
  const report = await load.end();
  const failed = report.sent - report.ok;
  console.log(
    `${RATE} requests a second while 200 routes come and go: ${report.sent} sent, ${report.ok} answered with 200, ` +
      `p50 ${report.p50} ms, p99 ${report.p99} ms, failed ${JSON.stringify(report.failed)} ${verdict(failed === 0)}`,
  );
}

/** Steady GET requests over both families of the Gateway to routes that do not change. */
async function startLoad(rate: number, addresses: readonly string[]) {
  const targets = addresses.flatMap((address) =>
    [1, 2, 3].map(
      (index) => `route-${index + 500}.test|http://${address.includes(":") ? `[${address}]` : address}/`,
    ),
  );
  const load = outside("test/whole/http-load.ts", String(rate), ...targets);
  await load.next();
  return {
    end: async () => {
      load.child.stdin?.end();
      return JSON.parse(await load.next()) as LoadReport;
    },
  };
}

/** Every backend loses a family in silence, amid steady requests. */
async function familyLost(family: Family, addresses: readonly string[]): Promise<void> {
  const { rate, spanMs, mostMs } = LOSS;
  const span = () => new Promise((resolveSpan) => setTimeout(resolveSpan, spanMs));
  const calm = await startLoad(rate, addresses);
  await span();
  const before = await calm.end();
  const hurt = await startLoad(rate, addresses);
  for (const pod of backendPods()) tandem("lab", "break", "pod", pod, "--family", family);
  await span();
  const after = await hurt.end();
  tandem("lab", "mend");
  const failed = after.sent - after.ok;
  const more = after.p99 - before.p99;
  console.log(
    `${family} of all backends lost: ${after.sent} GET requests in ${spanMs / 1000} s from then on, failed ${JSON.stringify(after.failed)}; ` +
      `p50 ${after.p50} ms, p99 ${after.p99} ms, most ${after.max} ms; before p99 ${before.p99} ms ` +
      `(at most ${mostMs} ms more) ${verdict(failed === 0 && before.sent === before.ok && more <= mostMs)}`,
  );
}

function backendPods(): string[] {
  const names = ["kubectl", "get", "pods", "-n", "bench", "-l", "app=web", "-o", "name"];
  const { stdout } = tandem("lab", "exec", "--outside", "--", ...names);
  return stdout
    .trim()
    .split("\n")
    .map((name) => name.replace("pod/", "bench/"));
}

function idleMemory(): number {
  const script =
    "console.log(require('fs').readFileSync('/proc/self/status', 'utf8').match(/VmRSS:\\s+(\\d+)/)[1])";
  return Number(spawnSync(process.execPath, ["-e", script], { encoding: "utf8" }).stdout) / 1000;
}

try {
  await run();
} finally {
  tandem("down");
  rmSync(home, { recursive: true, force: true });
}
