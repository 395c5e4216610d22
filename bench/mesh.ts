/**
 * What a mesh of 3,000 Services with 2 endpoints each costs: `tandem mesh` as a process of its own, with an API server that
 * runs alone and 20 stand-ins for sidecars (bench/lib/ads-client.ts) that acknowledge without looking: its memory, the
 * time until one more sidecar has everything, and that from the write of a changed endpoint to the last acknowledgement.
 * Then what a real Envoy takes for the same, against one that finds all of it in a file; its memory; and the bytes of
 * each dual-stack Service, against single-stack.
 *
 * Usage: mesh.ts [SERVICES]
 */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type AdsServer, startAdsServer } from "../src/envoy/ads/index.ts";
import { createMeshOutput, type MeshOutput, STATS_LEFT_OUT } from "../src/envoy/mesh/index.ts";
import { bootstrap } from "../src/envoy/process/bootstrap.ts";
import { findEnvoy } from "../src/envoy/process/find.ts";
import type { JsonObject } from "../src/envoy/proto/index.ts";
import type { Family } from "../src/ip/family.ts";
import { createAuthority, issueCertificate } from "../src/pki/issue.ts";
import { staticBootstrap } from "./lib/envoy-floor.ts";
import { meshOf } from "./lib/mesh.ts";
import { meshAlone } from "./lib/mesh-alone.ts";

const SERVICES = Number(process.argv[2] ?? 3_000);
const PROXIES = 20;
const CHANGES = 200;
/** Envoys that are started each way, one after the other by turns; the one in the middle counts. */
const STARTS = 5;
const LIMITS = { bytes: 1_024, ratio: 1.15, firstMs: 350, floor: 1.5, p50Ms: 30, p99Ms: 100, megabytes: 200 };
const BOTH: readonly Family[] = ["IPv4", "IPv6"];
const MEASURED: readonly string[] = ["listener", "cluster", "endpoint"];
const WHOLE = ["listener", "cluster", "endpoint"] as const;
const ADMIN = 15_900;
const TYPE_NAME = /type\.googleapis\.com\/[\w.]+/g;

/** Prints a figure with its limit; a figure beyond it makes the run fail. */
function say(what: string, value: number, most: number, unit: string): void {
  const ok = value <= most;
  console.log(
    `${what}: ${value.toFixed(value < 10 ? 3 : 0)} ${unit} (at most ${most}) ${ok ? "ok" : "TOO MUCH"}`,
  );
  if (!ok) process.exitCode = 1;
}

interface Size {
  readonly count: number;
  readonly bytes: number;
  /** Of these, those of names of types. */
  readonly names: number;
  /** Beside them, of route tables. */
  readonly routes: number;
}

/** Of all resources their number; of the measured ones their bytes. */
function sizeOf(families: readonly Family[], port: string): Size {
  const mesh = meshOf({ services: SERVICES, sidecars: 1, families, port });
  const output = createMeshOutput({ identity: () => undefined });
  output.update(mesh.model, mesh.model.flush(), mesh.frontend);
  const resources = output.resources("default/client-0");
  const measured = resources.filter(({ kind }) => MEASURED.includes(kind)).map(({ bytes }) => bytes);
  const sum = (sizes: readonly number[]) => sizes.reduce((all, one) => all + one, 0);
  const names = measured.map((bytes) => Buffer.from(bytes).toString("latin1").match(TYPE_NAME) ?? []);
  return {
    count: resources.length,
    bytes: sum(measured.map(({ length }) => length)),
    names: sum(names.flat().map(({ length }) => length)),
    routes: sum(resources.filter(({ kind }) => kind === "route").map(({ bytes }) => bytes.length)),
  };
}

/** For a protocol that the ports' name says, or `auto`: nobody says it, so that bytes are looked at. */
function sizes(port: string): void {
  const single = sizeOf(["IPv4"], port);
  const dual = sizeOf(BOTH, port);
  say(`${port}: bytes of each dual-stack Service`, dual.bytes / SERVICES, LIMITS.bytes, "bytes");
  console.log(
    `${port}: beside them in route tables: ${(dual.routes / SERVICES).toFixed(0)} bytes (single-stack ${(single.routes / SERVICES).toFixed(0)})`,
  );
  console.log(
    `${port}: of these are names of types, which Envoy wants with each message: ${(dual.names / SERVICES).toFixed(0)} bytes`,
  );
  say(`${port}: dual-stack against single-stack, bytes`, dual.bytes / single.bytes, LIMITS.ratio, "times");
  say(`${port}: dual-stack against single-stack, resources`, dual.count / single.count, 1, "times");
}

interface Served {
  readonly ads: AdsServer;
  readonly output: MeshOutput;
  readonly socket: string;
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
  for (let index = 0; index < sidecars; index++)
    ads.replace(`default/client-${index}`, output.resources(`default/client-${index}`));
  const close = async () => {
    await ads.close();
    await rm(folder, { recursive: true, force: true });
  };
  return { ads, output, socket, close };
}

/** Milliseconds from its start until an Envoy has everything, as it has acknowledged it, and its memory. */
async function firstOverAds(port: string): Promise<First> {
  const served = await serve(port, 1);
  const key = "default/client-0";
  const began = performance.now();
  const envoy = startEnvoy(bootstrapOf(key, served.socket));
  const whole = () => {
    const kinds = served.ads.status(key)[0]?.kinds;
    return (
      kinds !== undefined &&
      WHOLE.every((kind) => kinds[kind].wanted > 0 && kinds[kind].inForce === kinds[kind].wanted)
    );
  };
  while (!whole()) await sleep(5);
  await served.ads.applied(key);
  const ms = performance.now() - began;
  const megabytes = await envoyMegabytes();
  await end(envoy);
  await served.close();
  return { ms, megabytes };
}

/** The same of an Envoy that finds the very same resources in its bootstrap. */
async function firstFromFile(port: string): Promise<First> {
  const served = await serve(port, 1);
  const folder = await mkdtemp(join(tmpdir(), "tandem-bench-floor-"));
  const file = join(folder, "bootstrap.pb");
  const base = bootstrapOf("default/client-0", served.socket);
  await writeFile(file, staticBootstrap(base, served.output.resources("default/client-0")));
  const began = performance.now();
  const envoy = startEnvoy(file);
  while (!(await isReady())) await sleep(5);
  const ms = performance.now() - began;
  const megabytes = await envoyMegabytes();
  await end(envoy);
  await served.close();
  await rm(folder, { recursive: true });
  return { ms, megabytes };
}

async function isReady(): Promise<boolean> {
  try {
    return (await fetch(`http://127.0.0.1:${ADMIN}/ready`)).status === 200;
  } catch {
    return false;
  }
}

function bootstrapOf(node: string, xds: string | undefined): JsonObject {
  return bootstrap({
    node: { id: node, cluster: "sidecar" },
    families: BOTH,
    ...(xds !== undefined && { xds: { path: xds } }),
    ports: { admin: ADMIN, stats: ADMIN + 1, ready: ADMIN + 2 },
    statsLeftOut: STATS_LEFT_OUT,
  });
}

/** @param config as JSON, or a file's name */
function startEnvoy(config: JsonObject | string): ChildProcess {
  const given =
    typeof config === "string" ? ["--config-path", config] : ["--config-yaml", JSON.stringify(config)];
  const flags = ["--concurrency", "2", "--use-dynamic-base-id", "--log-level", "error"];
  return spawn(findEnvoy({ env: process.env }), [...given, ...flags], {
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

/** The process alone: all figures of the control plane. */
async function controlPlane(): Promise<void> {
  const { first, changes, memory } = await meshAlone(SERVICES, PROXIES, CHANGES);
  say("all of it in a new sidecar, a stand-in", quantile(first.slice(1), 0.5), LIMITS.firstMs, "ms");
  say(`an endpoint changed, ${PROXIES} sidecars, p50`, quantile(changes, 0.5), LIMITS.p50Ms, "ms");
  say(`an endpoint changed, ${PROXIES} sidecars, p99`, quantile(changes, 0.99), LIMITS.p99Ms, "ms");
  say("memory of tandem mesh", memory.now, LIMITS.megabytes, "MB");
  console.log(`memory of tandem mesh at most until now: ${memory.peak.toFixed(0)} MB`);
}

async function realEnvoy(port: string): Promise<void> {
  const [files, overAds]: [First[], First[]] = [[], []];
  for (let start = 0; start < STARTS; start++) {
    files.push(await firstFromFile(port));
    overAds.push(await firstOverAds(port));
  }
  const [file, ads] = [middle(files), middle(overAds)];
  console.log(`${port}: all of it in a new real Envoy, from its start: ${ads.ms.toFixed(0)} ms`);
  console.log(`${port}: the same from a file, the floor: ${file.ms.toFixed(0)} ms`);
  say(`${port}: over ADS against the file`, ads.ms / file.ms, LIMITS.floor, "times");
  console.log(
    `${port}: memory of that Envoy: ${ads.megabytes.toFixed(0)} MB; from the file ${file.megabytes.toFixed(0)} MB`,
  );
}

/** What an Envoy took until it had everything, and its memory then. */
interface First {
  readonly ms: number;
  readonly megabytes: number;
}

function middle(firsts: readonly First[]): First {
  const of = (pick: (first: First) => number) => quantile(firsts.map(pick), 0.5);
  return { ms: of(({ ms }) => ms), megabytes: of(({ megabytes }) => megabytes) };
}

const idle = startEnvoy(bootstrapOf("idle", undefined));
console.log(`memory of an Envoy without anything: ${(await envoyMegabytes()).toFixed(1)} MB`);
await end(idle);
await controlPlane();
await realEnvoy("http");
await realEnvoy("tcp");
await realEnvoy("auto");
for (const port of ["http", "tcp", "auto"]) sizes(port);
