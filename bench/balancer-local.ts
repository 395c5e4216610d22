/**
 * 500 Services of type LoadBalancer, applied at once to the local balancer: until all have a status and serve clients of
 * both families, until one more has, and until all are gone. The floor is the same listeners given to a fresh Envoy in
 * one go: what a file would cost. API server, controllers, balancer, targets and clients share this process and machine.
 *
 * Usage: balancer-local.ts [SERVICES]   500 unless given; as root, for a network namespace of its own
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, connect } from "node:net";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { createLocalEnvoy } from "../src/cli/balancer/local-envoy.ts";
import { startLocalProvider } from "../src/cli/balancer/local.ts";
import { installDefinitions } from "../src/cli/gateway/definitions.ts";
import { partsOf, proxyModelOf } from "../src/balancer/local/desired.ts";
import { LOCAL_WORKERS, startBalancerController } from "../src/controllers/balancer/index.ts";
import { FAMILIES } from "../src/ip/family.ts";
import { BALANCER_KINDS } from "../src/objects/balancer/index.ts";
import { KINDS } from "../src/objects/kinds.ts";
import type { Node, Service } from "../src/objects/types.ts";
import { translateBalancer } from "../src/traffic/balancer/index.ts";
import { balancerModel, balancerPort } from "../test/balancer/local-model.ts";
import { startCluster } from "../test/controllers/cluster.ts";

const SERVICES = Number(process.argv[2] ?? 500);
const INSIDE = "TANDEM_BENCH_INSIDE";
const FIRST_PORT = 30_000;
const log = (line: string): void => console.error(line);

if (process.env[INSIDE] === undefined) {
  const command = [process.execPath, ...process.argv.slice(1)];
  const env = { ...process.env, [INSIDE]: "1" };
  const { status } = spawnSync("unshare", ["--net", ...command], { stdio: "inherit", env });
  process.exit(status ?? 1);
}
for (const command of [
  "link set lo up",
  "link add edge type veth peer name beside",
  "link set beside up",
  "link set edge up",
])
  spawnSync("ip", command.split(" "), { stdio: "inherit" });

/** One listening socket a node port, as a node has them. */
const targets = Array.from({ length: SERVICES + 1 }, (_, index) =>
  createServer((socket) => socket.on("error", () => {}).end("served")).listen(
    FIRST_PORT + index,
    "127.0.0.1",
  ),
);
const folder = mkdtempSync(join(tmpdir(), "tandem-bench-"));

/** Milliseconds until a fresh Envoy has the listeners of all. */
async function floor(): Promise<number> {
  const stop = new AbortController();
  const envoy = createLocalEnvoy({ folder: join(folder, "floor"), families: FAMILIES, log }, stop.signal);
  const parts = Array.from({ length: SERVICES }, (_, index) => {
    const addresses = {
      IPv4: `192.0.${2 + (index >> 8)}.${index & 255}`,
      IPv6: `2001:db8::${index.toString(16)}`,
    };
    const ports = [balancerPort({ port: 80, nodePort: FIRST_PORT + index })];
    return partsOf(balancerModel({ key: `default/service-${index}`, ports }), {
      addresses,
      certificates: () => undefined,
    });
  });
  await envoy.apply(proxyModelOf("local", parts.slice(0, 1)));
  const began = performance.now();
  await envoy.apply(proxyModelOf("local", parts));
  const took = performance.now() - began;
  stop.abort();
  await envoy.stopped;
  return took;
}

function serviceOf(index: number): Service {
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: `service-${index}`, namespace: "default" },
    spec: {
      type: "LoadBalancer",
      loadBalancerClass: "tandem.dev/local",
      ipFamilyPolicy: "RequireDualStack",
      ports: [{ port: 80, nodePort: FIRST_PORT + index, protocol: "TCP" }],
    },
  } as Service;
}

/** Whether a client gets an answer. */
function answers(host: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port: 80 });
    let text = "";
    socket.on("data", (bytes) => (text += bytes.toString()));
    socket.on("close", () => resolve(text === "served"));
    socket.on("error", () => resolve(false));
  });
}

const floorMs = await floor();
const cluster = await startCluster(undefined, { nodeMonitorGracePeriod: 3600_000 });
const { client } = cluster;
await installDefinitions(client);
await client.create<Node>(KINDS.Node, {
  metadata: { name: "node" },
  status: {
    addresses: [{ type: "InternalIP", address: "127.0.0.1" }],
    conditions: [{ type: "Ready", status: "True", lastTransitionTime: "2026-01-01T00:00:00Z" }],
  },
});
const ranges = { IPv4: ["192.0.2.0/23"], IPv6: ["2001:db8::/112"] };
await client.create(BALANCER_KINDS.LoadBalancerPool, {
  metadata: { name: "edge" },
  spec: { ranges },
} as never);
const stop = new AbortController();
const local = await startLocalProvider({ client, folder, link: "edge", log }, stop.signal);
const translate = (service: Service, world: object) =>
  translateBalancer(service, { provider: "local", ...world } as never);
const { stopped } = await startBalancerController(
  { client, provider: local.provider, translate, log, workers: LOCAL_WORKERS },
  stop.signal,
);

const list = async (): Promise<Service[]> =>
  (await client.list<Service>(KINDS.Service, { namespace: "default" })).items.filter(
    ({ spec }) => spec.type === "LoadBalancer",
  );
/** Milliseconds until so many have both addresses in their status and all of these answer. */
async function untilServed(count: number): Promise<number> {
  const began = performance.now();
  let left = new Set<string>();
  for (let all: Service[] = []; ; await pause(50)) {
    all = await list();
    const ips = all.map(({ status }) => (status?.loadBalancer?.ingress ?? []).map(({ ip = "" }) => ip));
    if (ips.filter(({ length }) => length === 2).length < count) continue;
    left = new Set(ips.flat());
    break;
  }
  const statuses = performance.now() - began;
  for (const ip of left)
    if (!(await answers(ip))) throw new Error(`${ip} is in a status and does not answer`);
  return statuses;
}

console.log(
  `load of the machine: ${loadavg()
    .map((it) => it.toFixed(1))
    .join(" ")}`,
);
const began = performance.now();
await Promise.all(
  Array.from({ length: SERVICES }, (_, index) => client.create(KINDS.Service, serviceOf(index))),
);
const applied = performance.now() - began;
const served = applied + (await untilServed(SERVICES));
console.log(
  `${SERVICES} Services: applied in ${applied.toFixed(0)} ms, all have both addresses and serve after ${served.toFixed(0)} ms;` +
    ` floor (listeners given to Envoy in one go) ${floorMs.toFixed(0)} ms, ratio ${(served / floorMs).toFixed(1)}`,
);
const one = performance.now();
await client.create(KINDS.Service, serviceOf(SERVICES));
await untilServed(SERVICES + 1);
console.log(`one more serves after ${(performance.now() - one).toFixed(0)} ms`);
const gone = performance.now();
await Promise.all(
  (await list()).map(({ metadata }) => client.delete(KINDS.Service, metadata.name, "default")),
);
while ((await list()).length > 0) await pause(50);
console.log(`all are gone after ${(performance.now() - gone).toFixed(0)} ms`);
stop.abort();
await stopped;
await local.stopped;
await cluster.close();
for (const target of targets) target.close();
rmSync(folder, { recursive: true, force: true });
