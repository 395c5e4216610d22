/**
 * What a mesh of 3,000 Services with 2 endpoints each costs a sidecar: bytes of configuration of each dual-stack Service
 * and against single-stack, the memory of an Envoy that has it, the time until a new sidecar has everything, and the
 * time from a changed endpoint to the last acknowledgement of 20 sidecars. Of these one is a real Envoy; the others are
 * light stand-ins that acknowledge without looking (bench/lib/ads-clients.ts). Times begin where a change of an object
 * comes in from the API server.
 *
 * Usage: mesh.ts [SERVICES]
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type AdsServer, startAdsServer } from "../src/envoy/ads/index.ts";
import { createMeshOutput, type MeshOutput, type SidecarChanges } from "../src/envoy/mesh/index.ts";
import { bootstrap } from "../src/envoy/process/bootstrap.ts";
import { findEnvoy } from "../src/envoy/process/find.ts";
import type { Resource } from "../src/envoy/resources.ts";
import type { Family } from "../src/ip/family.ts";
import { createAuthority, issueCertificate } from "../src/pki/issue.ts";
import { type BenchMesh, meshOf } from "./lib/mesh.ts";
import { sliceOf } from "./lib/services.ts";

const SERVICES = Number(process.argv[2] ?? 3_000);
const PROXIES = 20;
const CHANGES = 200;
const LIMITS = { bytes: 1_024, ratio: 1.15, firstMs: 350, p50Ms: 30, p99Ms: 100, megabytes: 200 };
const BOTH: readonly Family[] = ["IPv4", "IPv6"];
const MEASURED: readonly string[] = ["listener", "cluster", "endpoint"];
const ADMIN = 15_900;

/** Prints a figure with its limit; a figure beyond it makes the run fail. */
function say(what: string, value: number, most: number, unit: string): void {
  const ok = value <= most;
  console.log(
    `${what}: ${value.toFixed(value < 10 ? 3 : 0)} ${unit} (at most ${most}) ${ok ? "ok" : "TOO MUCH"}`,
  );
  if (!ok) process.exitCode = 1;
}

function sizeOf(families: readonly Family[], port: string): { count: number; bytes: number } {
  const mesh = meshOf({ services: SERVICES, sidecars: 1, families, port });
  const output = createMeshOutput({ identity: () => undefined });
  output.update(mesh.model, mesh.model.flush(), mesh.frontend);
  const resources = output.resources("default/client-0");
  const bytes = (list: readonly Resource[]) => list.reduce((sum, one) => sum + one.bytes.length, 0);
  return { count: resources.length, bytes: bytes(resources.filter(({ kind }) => MEASURED.includes(kind))) };
}

/** `limited`: for the protocols that are said; those that are looked at need two chains, and are shown beside. */
function sizes(port: string, limited: boolean): void {
  const single = sizeOf(["IPv4"], port);
  const dual = sizeOf(BOTH, port);
  const each = dual.bytes / SERVICES;
  say(
    `${port}: bytes of each dual-stack Service`,
    each,
    limited ? LIMITS.bytes : Number.POSITIVE_INFINITY,
    "bytes",
  );
  say(`${port}: dual-stack against single-stack, bytes`, dual.bytes / single.bytes, LIMITS.ratio, "times");
  say(`${port}: dual-stack against single-stack, resources`, dual.count / single.count, 1, "times");
}

interface Served {
  readonly mesh: BenchMesh;
  readonly ads: AdsServer;
  readonly output: MeshOutput;
  readonly socket: string;
  tell(changes: SidecarChanges): void;
  close(): Promise<void>;
}

/** A control plane; the sidecars `default/client-N` are those that may connect. */
async function serve(port: string, sidecars: number): Promise<Served> {
  const folder = await mkdtemp(join(tmpdir(), "tandem-bench-mesh-"));
  const socket = join(folder, "xds.sock");
  const authority = await createAuthority("mesh");
  const own = await issueCertificate(authority, {
    commonName: "workload",
    subjectAltNames: ["URI:spiffe://cluster.local/ns/default/sa/default"],
    usages: ["serverAuth", "clientAuth"],
    days: 1,
  });
  const identity = { certificate: own.certificate, privateKey: own.key, authorities: authority.certificate };
  const mesh = meshOf({ services: SERVICES, sidecars, families: BOTH, port });
  const output = createMeshOutput({ identity: () => identity });
  const ads = await startAdsServer({ listen: [{ path: socket }], authorize: ({ nodeId }) => nodeId });
  ads.onNack((nack) => console.log(`refused: ${JSON.stringify(nack).slice(0, 300)}`));
  output.update(mesh.model, mesh.model.flush(), mesh.frontend);
  const served = new Set(Array.from({ length: sidecars }, (_, index) => `default/client-${index}`));
  for (const key of served) ads.replace(key, output.resources(key));
  const tell = ({ changed, renewed }: SidecarChanges) => {
    for (const [key, list] of changed) if (served.has(key)) ads.set(key, list);
    for (const key of renewed) if (served.has(key)) ads.replace(key, output.resources(key));
  };
  const close = async () => {
    await ads.close();
    await rm(folder, { recursive: true, force: true });
  };
  return { mesh, ads, output, socket, tell, close };
}

/** Milliseconds from its connection until a client has everything. */
async function firstConfiguration(ads: AdsServer, key: string): Promise<number> {
  while (ads.status(key).length === 0) await sleep(1);
  const began = performance.now();
  const whole = () => {
    const kinds = ads.status(key)[0]?.kinds;
    return (
      kinds !== undefined &&
      [...MEASURED, "route"].every((kind) => kinds[kind as "route"].inForce === kinds[kind as "route"].wanted)
    );
  };
  while (!whole()) await sleep(5);
  await ads.applied(key);
  return performance.now() - began;
}

function startEnvoy(node: string, xds: string | undefined): ChildProcess {
  const config = bootstrap({
    node: { id: node, cluster: "sidecar" },
    families: BOTH,
    ...(xds !== undefined && { xds: { path: xds } }),
    ports: { admin: ADMIN, stats: ADMIN + 1, ready: ADMIN + 2 },
  });
  const flags = ["--concurrency", "2", "--use-dynamic-base-id", "--log-level", "error"];
  return spawn(findEnvoy({ env: process.env }), ["--config-yaml", JSON.stringify(config), ...flags], {
    stdio: ["ignore", "ignore", "inherit"],
  });
}

async function envoyMegabytes(): Promise<number> {
  for (;;) {
    try {
      const answer = await fetch(`http://127.0.0.1:${ADMIN}/memory`);
      return Number(((await answer.json()) as { allocated: string }).allocated) / 2 ** 20;
    } catch {
      await sleep(100);
    }
  }
}

async function end(child: ChildProcess): Promise<void> {
  child.kill("SIGKILL");
  if (child.exitCode === null && child.signalCode === null)
    await new Promise((done) => child.once("exit", done));
}

function quantile(values: readonly number[], of: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * of))] ?? 0;
}

/** One endpoint after the other gets another address; the time until every client has acknowledged each. */
async function endpointChanges({ mesh, ads, output, tell }: Served, keys: readonly string[]): Promise<void> {
  const times: number[] = [];
  for (let round = 0; round < CHANGES; round++) {
    const service = (round * 7) % SERVICES;
    const began = performance.now();
    for (const family of BOTH) {
      mesh.traffic.onSlice({ type: "updated", object: sliceOf(service, family, [0, 2 + (round % 50)]) });
    }
    mesh.traffic.snapshot();
    tell(output.update(mesh.model, mesh.model.flush(), mesh.frontend));
    tell(output.endpointsChanged([`default/service-${service}`]));
    await Promise.all(keys.map((key) => ads.applied(key)));
    times.push(performance.now() - began);
    await sleep(20);
  }
  say(`an endpoint changed, ${keys.length} sidecars, p50`, quantile(times, 0.5), LIMITS.p50Ms, "ms");
  say(`an endpoint changed, ${keys.length} sidecars, p99`, quantile(times, 0.99), LIMITS.p99Ms, "ms");
}

async function connected(port: string, proxies: number): Promise<void> {
  const served = await serve(port, proxies + 1);
  const clients = spawn(process.execPath, [join(import.meta.dirname, "lib/ads-clients.ts"), served.socket], {
    stdio: ["pipe", "inherit", "inherit"],
  });
  const keys = Array.from({ length: proxies }, (_, index) => `default/client-${index}`);
  const envoy = startEnvoy(keys[0] as string, served.socket);
  const first = await firstConfiguration(served.ads, keys[0] as string);
  console.log(`${port}: all of it in a new sidecar, a real Envoy: ${first.toFixed(0)} ms`);
  console.log(`${port}: memory of that Envoy: ${(await envoyMegabytes()).toFixed(1)} MB`);
  for (const key of keys.slice(1)) {
    clients.stdin.write(`${key}\n`);
    await firstConfiguration(served.ads, key);
  }
  const last = `default/client-${proxies}`;
  clients.stdin.write(`${last}\n`);
  const firstMs = await firstConfiguration(served.ads, last);
  say(`${port}: all of it in a new sidecar, a stand-in`, firstMs, LIMITS.firstMs, "ms");
  if (proxies > 1) {
    await endpointChanges(served, keys);
    say("memory of the control plane", process.memoryUsage().rss / 2 ** 20, LIMITS.megabytes, "MB");
  }
  await end(envoy);
  await end(clients);
  await served.close();
}

/** As `bin/tandem` starts its long-running commands. */
const LEAN = { MALLOC_ARENA_MAX: "2", MALLOC_MMAP_THRESHOLD_: "131072", MALLOC_TRIM_THRESHOLD_: "131072" };
if (process.env["MALLOC_ARENA_MAX"] === undefined) {
  const args = ["--max-semi-space-size=4", ...process.argv.slice(1)];
  const { status } = spawnSync(process.execPath, args, {
    stdio: "inherit",
    env: { ...process.env, ...LEAN },
  });
  process.exit(status ?? 1);
}

const idle = startEnvoy("idle", undefined);
console.log(`memory of an Envoy without anything: ${(await envoyMegabytes()).toFixed(1)} MB`);
await end(idle);
await connected("http", PROXIES);
await connected("tcp", 1);
sizes("http", true);
sizes("tcp", true);
sizes("auto", false);
