/**
 * Runs in the namespace of a bench, beside its API server: fills it with Services, then changes one endpoint after the
 * other, and times each change from the write to the kernel's own notice that the new element is in force; and, as the
 * floor, to the event at a bare watch, and one element added by nft alone. Usage: proxy-driver.ts KUBECONFIG COUNT CHANGES
 */
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { KubeClient, loadKubeconfig } from "../../src/client/index.ts";
import { createExec } from "../../src/kernel/index.ts";
import { KINDS } from "../../src/objects/kinds.ts";
import type { EndpointSlice } from "../../src/objects/types.ts";

const [kubeconfig = "", countText = "", changesText = ""] = process.argv.slice(2);
const client = new KubeClient(await loadKubeconfig(kubeconfig));
const count = Number(countText);

function addressOf(service: number, pod: number, family: "IPv4" | "IPv6"): string {
  const number = service * 4 + pod;
  const v4 = `10.${128 + (number >> 16)}.${(number >> 8) & 255}.${number & 255}`;
  return family === "IPv4"
    ? v4
    : `fd00:10:244:${(number >> 16) + 1}::${((number & 0xffff) + 1).toString(16)}`;
}

function sliceOf(service: number, family: "IPv4" | "IPv6", pods: readonly number[]): EndpointSlice {
  const name = `service-${service}`;
  return {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: {
      name: `${name}-${family.toLowerCase()}`,
      namespace: "default",
      labels: { "kubernetes.io/service-name": name, app: name },
      annotations: { "endpoints.kubernetes.io/last-change-trigger-time": new Date().toISOString() },
    },
    addressType: family,
    endpoints: pods.map((pod) => ({
      addresses: [addressOf(service, pod, family)],
      conditions: { ready: true, serving: true, terminating: false },
      nodeName: `node-${pod}`,
      targetRef: { kind: "Pod", namespace: "default", name: `${name}-${pod}`, uid: `${name}-${pod}` },
    })),
    ports: [{ name: "http", protocol: "TCP", port: 8080 }],
  };
}

async function fillOne(service: number): Promise<void> {
  const name = `service-${service}`;
  const ports = [{ name: "http", port: 80, targetPort: 8080 }];
  const spec = { selector: { app: name }, ipFamilyPolicy: "RequireDualStack", ports };
  await client.create(KINDS.Service, { metadata: { name, namespace: "default" }, spec } as never);
  for (const family of ["IPv4", "IPv6"] as const) {
    await client.create(KINDS.EndpointSlice, sliceOf(service, family, [0, 1]));
  }
}

async function fill(): Promise<void> {
  let next = 0;
  const worker = async () => {
    while (next < count) await fillOne(next++);
  };
  await Promise.all(Array.from({ length: 16 }, worker));
}

/** Lines of a source, each of which ends the wait for a text that it holds. */
class Notices {
  readonly #waiting = new Map<string, () => void>();

  line(text: string): void {
    for (const [wanted, resolve] of this.#waiting) {
      if (!text.includes(wanted)) continue;
      this.#waiting.delete(wanted);
      resolve();
    }
  }

  of(text: string): Promise<number> {
    return new Promise((resolve) => this.#waiting.set(text, () => resolve(performance.now())));
  }
}

async function change(changes: number): Promise<{ ours: number[]; watched: number[]; nft: number[] }> {
  const stop = new AbortController();
  const monitor = spawn("nft", ["monitor", "new", "elements"], { stdio: ["ignore", "pipe", "inherit"] });
  const rules = new Notices();
  createInterface({ input: monitor.stdout }).on("line", (line) => rules.line(line));
  const events = new Notices();
  void (async () => {
    const { resourceVersion } = await client.list(KINDS.EndpointSlice, { limit: 1 });
    const options = { resourceVersion, signal: stop.signal };
    for await (const { object } of client.watch<EndpointSlice>(KINDS.EndpointSlice, options)) {
      events.line((object.endpoints ?? []).map(({ addresses }) => `${addresses[0]} `).join());
    }
  })().catch(() => {});
  const result = { ours: [] as number[], watched: [] as number[], nft: [] as number[] };
  // The monitor reads the whole ruleset before it starts to tell.
  await new Promise((resolve) => setTimeout(resolve, 3000));
  for (let i = 0; i < changes; i++) {
    const family = i % 2 === 0 ? "IPv4" : "IPv6";
    const service = Math.floor((i * count) / changes);
    const wanted = `${addressOf(service, 2, family)} `;
    const seen = Promise.all([rules.of(wanted), events.of(wanted)]);
    const began = performance.now();
    await client.update(KINDS.EndpointSlice, sliceOf(service, family, [0, 2]));
    const [inForce, watched] = await seen;
    result.ours.push(inForce - began);
    result.watched.push(watched - began);
    result.nft.push(await oneElement(i));
  }
  stop.abort();
  monitor.kill();
  return result;
}

async function oneElement(index: number): Promise<number> {
  const text = `add element ip tandem tcp-endpoints { 192.0.2.${index & 255} . ${1000 + index} . 0 : 192.0.2.1 . 1 }\n`;
  const start = performance.now();
  const { code, stderr } = await createExec()(["nft", "-f", "-"], [text]);
  if (code !== 0) throw new Error(stderr);
  return performance.now() - start;
}

for await (const line of createInterface({ input: process.stdin })) {
  if (line === "fill") await fill();
  console.log(JSON.stringify(line === "change" ? await change(Number(changesText)) : {}));
}
client.close();
