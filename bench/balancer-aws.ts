/**
 * 500 Services of type LoadBalancer on AWS: what it costs in requests to look after them when nothing changes, and how
 * long a change of one takes. The AWS is the tests' fake, over HTTP through the real SDK, with 5 ms a request.
 *
 * Usage: balancer-aws.ts [SERVICES]   500 unless given
 */
import { createAwsProvider } from "../src/balancer/aws/provider.ts";
import { createAwsApi } from "../src/balancer/aws/sdk.ts";
import { SYSTEM_CLOCK } from "../src/balancer/aws/throttle.ts";
import type { BalancerProvider } from "../src/traffic/balancer/provider.ts";
import { CLUSTER, LiveService, modelOf, type TestPort } from "../test/balancer/aws/cluster.ts";
import { serveFakeAws } from "../test/balancer/fake-aws/http/server.ts";
import { type FakeAws, usualAws } from "../test/balancer/fake-aws/fake.ts";

const SERVICES = Number(process.argv[2] ?? 500);
const LATENCY_MS = 5;
/** As in the controller: how many at once, and how often all of them. */
const WORKERS = 3;
const RESYNC_MS = 600_000;
const RESYNCS = 24;
const CHANGES = 20;
/** Requests a Service and resync, at most, when nothing changed. */
const MOST_CALLS = 1;
const UNBOUNDED = { perSecond: 1e9, burst: 1e9 };
const RATES = { describe: UNBOUNDED, modify: UNBOUNDED, register: UNBOUNDED };

/** Real time, with what was skipped. */
let skipped = 0;
const now = (): number => Date.now() + skipped;
const clock = { ...SYSTEM_CLOCK, now };

function portOf(index: number): TestPort {
  return { name: "http", port: 80, nodePort: 30_000 + index };
}

function serviceOf(index: number): LiveService {
  return new LiveService({ name: `service-${index}`, ports: [portOf(index)] });
}

function aws(): FakeAws {
  const quotas = { loadBalancers: 10_000, targetGroups: 10_000, securityGroups: 10_000, rulesPerGroup: 1000 };
  return usualAws({ clock: { now }, quotas });
}

async function serve(provider: BalancerProvider, live: LiveService): Promise<boolean> {
  const outcome = await provider.serve(modelOf(live.service), live.context);
  live.write(outcome);
  return outcome.done;
}

/** Serves all, a few at once; gives how many had nothing left to do. */
async function serveAll(provider: BalancerProvider, services: readonly LiveService[]): Promise<number> {
  let next = 0;
  let done = 0;
  const work = async (): Promise<void> => {
    for (let live = services[next++]; live !== undefined; live = services[next++])
      if (await serve(provider, live)) done++;
  };
  await Promise.all(Array.from({ length: WORKERS }, work));
  return done;
}

const fake = aws();
const options = { clusterName: CLUSTER, vpcId: "vpc-1", clock, rates: RATES };
const services = Array.from({ length: SERVICES }, (_, index) => serviceOf(index));
const maker = createAwsProvider({ ...options, api: fake.connect() });
await serveAll(maker, services);
skipped += 120_000;
while ((await serveAll(maker, services)) < SERVICES) skipped += 15_000;

Object.assign(process.env, { AWS_ACCESS_KEY_ID: "AKIAFAKE", AWS_SECRET_ACCESS_KEY: "fake" });
const stop = new AbortController();
const server = await serveFakeAws(fake, { latencyMs: LATENCY_MS, pageSize: 400 });
const api = await createAwsApi({ region: "eu-west-1", endpoint: server.url, signal: stop.signal });
const provider = createAwsProvider({ ...options, api });

/** How many requests something took, and how long. */
async function measure(work: () => Promise<unknown>): Promise<{ requests: number; ms: number }> {
  const before = server.actions.length;
  const began = performance.now();
  await work();
  return { requests: server.actions.length - before, ms: performance.now() - began };
}

const cold = await measure(() => serveAll(provider, services));
console.log(
  `${SERVICES} Services unchanged, first look of a new process: ${cold.requests} requests` +
    ` (${(cold.requests / SERVICES).toFixed(2)} a Service) in ${(cold.ms / 1000).toFixed(1)} s`,
);

const counts: number[] = [];
for (let resync = 0; resync < RESYNCS; resync++) {
  skipped += RESYNC_MS;
  counts.push((await measure(() => serveAll(provider, services))).requests);
}
const perService = counts.reduce((sum, count) => sum + count, 0) / RESYNCS / SERVICES;
console.log(
  `unchanged, ${RESYNCS} resyncs in four hours: ${counts.join(", ")} requests; ${perService.toFixed(3)} a Service` +
    ` and resync (at most ${MOST_CALLS}) ${perService <= MOST_CALLS ? "ok" : "TOO MUCH"}`,
);
if (perService > MOST_CALLS) process.exitCode = 1;

const times: { requests: number; ms: number }[] = [];
for (let change = 0; change < CHANGES; change++) {
  const live = services[(change * 37) % SERVICES] ?? serviceOf(0);
  const added = { name: "more", port: 8080, nodePort: 32_000 + change };
  const ports = [portOf((change * 37) % SERVICES), added];
  live.apply({ name: live.service.metadata.name, ports });
  times.push(await measure(() => serve(provider, live)));
}
const sorted = times.toSorted((a, b) => a.ms - b.ms);
const median = sorted[Math.floor(CHANGES / 2)] ?? { requests: 0, ms: 0 };
const floor = median.requests * LATENCY_MS;
console.log(
  `one of ${SERVICES} gets another port: ${median.ms.toFixed(0)} ms with ${median.requests} requests (median of` +
    ` ${CHANGES}); floor of requests one after the other ${floor} ms, ratio ${(median.ms / floor).toFixed(2)}`,
);
const report = fake.census();
console.log(
  `at the end: ${report.loadBalancers} load balancers, ${report.listeners} listeners, ${report.targetGroups} target groups`,
);
stop.abort();
await server.close();
