/**
 * Kernel rules of many dual-stack Services with two endpoints each: from the Kubernetes objects in memory to the rules
 * in force, against `nft -f` of the very same text; then one endpoint changed, against `nft -f` of one element in the
 * very same table. In network namespaces of its own, as root or not.
 *
 * Usage: kernel.ts [COUNT…]   numbers of Services; 10000 unless given (3000 and 50000 are of interest too)
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Exec, NodeFacts, SyncReport } from "../src/kernel/index.ts";
import { startKernel } from "../src/kernel/index.ts";
import { loadScript } from "../src/kernel/load.ts";
import { Applied } from "../src/kernel/ownership.ts";
import type { Endpoint, EndpointSlice, Service } from "../src/objects/types.ts";
import { createTrafficModel, type TrafficModel } from "../src/traffic/index.ts";
import { createNamespace } from "../test/kernel/network.ts";

const LOADS = 3;
const CHANGES = 30;
const MOST_LOAD = 1.5;
const MOST_CHANGE = 3;

const FACTS: NodeFacts = {
  nodeName: "node-1",
  families: ["IPv4", "IPv6"],
  addresses: { IPv4: ["172.18.0.2"], IPv6: ["fd00:172:18::2"] },
  podRanges: { IPv4: ["10.128.0.0/9"], IPv6: ["fd00:10:244::/48"] },
  serviceRanges: { IPv4: ["10.0.0.0/9"], IPv6: ["fd00:10:96::/108"] },
};

interface Objects {
  readonly services: readonly Service[];
  readonly slices: readonly EndpointSlice[];
}

function objectsOf(count: number): Objects {
  const services: Service[] = [];
  const slices: EndpointSlice[] = [];
  for (let i = 0; i < count; i++) {
    const metadata = { name: `service-${i}`, namespace: "default", uid: `uid-${i}` };
    const clusterIPs = [`10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`, `fd00:10:96::${hex(i + 1)}`];
    services.push({
      apiVersion: "v1",
      kind: "Service",
      metadata,
      spec: {
        type: "ClusterIP",
        clusterIP: clusterIPs[0] as string,
        clusterIPs,
        ipFamilies: ["IPv4", "IPv6"],
        ports: [{ name: "http", protocol: "TCP", port: 80, targetPort: 8080 }],
      },
    });
    slices.push(sliceOf(i, "IPv4", [0, 1]), sliceOf(i, "IPv6", [0, 1]));
  }
  return { services, slices };
}

function hex(value: number): string {
  return value > 0xffff
    ? `${(value >> 16).toString(16)}:${(value & 0xffff).toString(16)}`
    : value.toString(16);
}

function sliceOf(service: number, family: "IPv4" | "IPv6", pods: readonly number[]): EndpointSlice {
  return {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: {
      name: `service-${service}-${family}`,
      namespace: "default",
      labels: { "kubernetes.io/service-name": `service-${service}` },
    },
    addressType: family,
    endpoints: pods.map((pod) => endpointOf(service * 4 + pod, family)),
    ports: [{ name: "http", protocol: "TCP", port: 8080 }],
  };
}

function endpointOf(pod: number, family: "IPv4" | "IPv6"): Endpoint {
  const v4 = `10.${128 + (pod >> 16)}.${(pod >> 8) & 255}.${pod & 255}`;
  return {
    addresses: [family === "IPv4" ? v4 : `fd00:10:244:${hex((pod >> 16) + 1)}::${hex((pod & 0xffff) + 1)}`],
    conditions: { ready: true, serving: true, terminating: false },
    nodeName: `node-${pod % 100}`,
    targetRef: { kind: "Pod", namespace: "default", name: `pod-${pod}`, uid: `pod-${pod}` },
  };
}

function fill(model: TrafficModel, { services, slices }: Objects): void {
  for (const object of services) model.onService({ type: "added", object });
  for (const object of slices) model.onSlice({ type: "added", object });
}

/** Loads everything, then changes endpoints one by one; times in ms. */
async function ours(objects: Objects): Promise<{ load: number; changes: number[]; floors: number[] }> {
  const space = await createNamespace();
  const stop = new AbortController();
  const model = createTrafficModel();
  let synced = (_: SyncReport) => {};
  globalThis.gc?.();
  const began = performance.now();
  fill(model, objects);
  const kernel = startKernel({
    source: model,
    facts: FACTS,
    exec: space.exec,
    signal: stop.signal,
    onSync: (report) => synced(report),
  });
  await kernel.started;
  const load = performance.now() - began;
  const changes: number[] = [];
  const floors: number[] = [];
  for (let i = 0; i < CHANGES; i++) {
    const done = new Promise<SyncReport>((resolve) => {
      synced = resolve;
    });
    const start = performance.now();
    for (const family of ["IPv4", "IPv6"] as const) {
      model.onSlice({ type: "updated", object: sliceOf(i, family, [0, 2]) });
    }
    await done;
    changes.push(performance.now() - start);
    floors.push(await oneElement(space.exec, i));
  }
  stop.abort();
  await kernel.ended;
  await space.close();
  return { load, changes, floors };
}

/** Replaces one element of the largest map with nft alone. */
async function oneElement(exec: Exec, index: number): Promise<number> {
  const key = `10.0.${1 + (index >> 8)}.${index & 255} . 80 . 0`;
  const text = [
    `delete element ip tandem tcp-endpoints { ${key} }\n`,
    `add element ip tandem tcp-endpoints { ${key} : 10.128.255.255 . 8080 }\n`,
  ];
  const start = performance.now();
  const { code, stderr } = await exec(["nft", "-f", "-"], text);
  if (code !== 0) throw new Error(stderr);
  return performance.now() - start;
}

/** `nft -f` of the text that a load carries out. */
async function floor(file: string): Promise<number> {
  const space = await createNamespace();
  const start = performance.now();
  const { code, stderr } = await space.exec(["nft", "-f", file]);
  const took = performance.now() - start;
  await space.close();
  if (code !== 0) throw new Error(stderr);
  return took;
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] as number;
}

/** Prints a figure with its floor; true when the ratio holds. */
function report(what: string, own: readonly number[], bare: readonly number[], most: number): boolean {
  const [took, floorTook] = [median(own), median(bare)];
  const ratio = took / floorTook;
  const verdict = ratio <= most ? "ok" : "TOO SLOW";
  console.log(
    `${what}: ${took.toFixed(1)} ms; nft alone ${floorTook.toFixed(1)} ms; ratio ${ratio.toFixed(2)} (at most ${most}) ${verdict}`,
  );
  return ratio <= most;
}

async function run(count: number, folder: string): Promise<boolean> {
  const objects = objectsOf(count);
  const file = join(folder, `${count}.nft`);
  const model = createTrafficModel();
  fill(model, objects);
  const script = loadScript(model, FACTS, new Applied());
  writeFileSync(file, [...script.texts.values()].flatMap((text) => [...text]).join(""));
  const runs: Awaited<ReturnType<typeof ours>>[] = [];
  const floors: number[] = [];
  for (let i = 0; i < LOADS; i++) {
    floors.push(await floor(file));
    runs.push(await ours(objects));
  }
  const name = `${count} dual-stack Services with 2 endpoints each`;
  const loaded = report(
    `${name}, objects to rules`,
    runs.map(({ load }) => load),
    floors,
    MOST_LOAD,
  );
  const changed = report(
    `${name}, one endpoint changed`,
    runs.flatMap(({ changes }) => changes),
    runs.flatMap((one) => one.floors),
    MOST_CHANGE,
  );
  console.log(`memory of the process: ${(process.memoryUsage().rss / 1e6).toFixed(0)} MB`);
  return loaded && changed;
}

const folder = mkdtempSync(join(tmpdir(), "tandem-bench-"));
try {
  for (const count of process.argv.length > 2 ? process.argv.slice(2).map(Number) : [10_000]) {
    if (!(await run(count, folder))) process.exitCode = 1;
  }
} finally {
  rmSync(folder, { recursive: true });
}
