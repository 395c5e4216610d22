/** What a node answers about itself: health-check node ports, /healthz, /livez and metrics. */
import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import type { HealthCheck, NodeFacts, SyncReport } from "../../src/kernel/index.ts";
import { HealthChecks, healthCheckAnswer, healthCheckHosts } from "../../src/kernel/serve/health-checks.ts";
import { hostsOf, type Listening, listenOn } from "../../src/kernel/serve/listen.ts";
import { KernelMetrics } from "../../src/kernel/serve/metrics.ts";
import { ProxyHealth, serveHealth } from "../../src/kernel/serve/proxy-health.ts";
import { freePort } from "../envoy/ads-envoy.ts";
import { FACTS } from "./network.ts";

const LOOPBACK: NodeFacts = {
  ...FACTS,
  nodePortAddresses: { IPv4: ["127.0.0.0/8"], IPv6: ["::1/128"] },
};
const HOSTS = ["127.0.0.1", "[::1]"];

const ends: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

function checks(healthy = () => true) {
  const errors: Error[] = [];
  const options = {
    facts: () => LOOPBACK,
    proxyHealthy: healthy,
    onError: (error: Error) => void errors.push(error),
  };
  const made = new HealthChecks(options);
  ends.push(() => made.close());
  return { checks: made, errors };
}

const check = (port: number, localEndpoints: number): HealthCheck => ({
  namespace: "default",
  name: "web",
  port,
  localEndpoints,
});

test("the body of a health check is kube-proxy's, to the byte", () => {
  const { body, headers, code } = healthCheckAnswer(check(1, 2), true);
  const lines = ["{", '\t"service": {', '\t\t"namespace": "default",', '\t\t"name": "web"', "\t},"];
  assert.equal(body, [...lines, '\t"localEndpoints": 2,', '\t"serviceProxyHealthy": true', "}"].join("\n"));
  assert.deepEqual(headers, { "X-Load-Balancing-Endpoint-Weight": "2" });
  assert.equal(code, 200);
});

test("no local endpoint, and a proxy that lags, are 503", () => {
  assert.equal(healthCheckAnswer(check(1, 0), true).code, 503);
  assert.equal(healthCheckAnswer(check(1, 3), false).code, 503);
});

test("a health-check port answers on every family, follows its Service, and closes with it", async () => {
  const { checks: server } = checks();
  const port = await freePort();
  await server.set("default/web", check(port, 0));
  for (const host of HOSTS) {
    const response = await fetch(`http://${host}:${port}/`);
    assert.equal(response.status, 503);
    assert.equal(response.headers.get("content-type"), "application/json");
    assert.equal(response.headers.get("x-content-type-options"), "nosniff");
    assert.equal(response.headers.get("x-load-balancing-endpoint-weight"), "0");
  }
  await server.set("default/web", check(port, 1));
  for (const host of HOSTS) assert.equal((await fetch(`http://${host}:${port}/any/path`)).status, 200);
  const moved = await freePort();
  await server.set("default/web", check(moved, 1));
  for (const host of HOSTS) {
    assert.equal((await fetch(`http://${host}:${moved}/`)).status, 200);
    await assert.rejects(fetch(`http://${host}:${port}/`));
  }
  await server.set("default/web", undefined);
  for (const host of HOSTS) await assert.rejects(fetch(`http://${host}:${moved}/`));
});

test("changes in one go end as the last one says", async () => {
  const { checks: server } = checks();
  const port = await freePort();
  void server.set("default/web", check(port, 1));
  void server.set("default/web", undefined);
  await server.set("default/web", check(port, 2));
  const body = (await (await fetch(`http://[::1]:${port}/`)).json()) as { localEndpoints: number };
  assert.equal(body.localEndpoints, 2);
});

test("a port that is taken is reported, and opened once it is free", async () => {
  const { checks: server, errors } = checks();
  const port = await freePort();
  const other = await listenOn([{ host: "::1", port }], () => {});
  await server.set("default/web", check(port, 1));
  assert.match(
    errors[0]?.message ?? "",
    /Service default\/web: health-check node port \d+ cannot be opened: .*EADDRINUSE/,
  );
  await assert.rejects(fetch(`http://127.0.0.1:${port}/`), "all addresses or none");
  await other.close();
  await server.retry();
  for (const host of HOSTS) assert.equal((await fetch(`http://${host}:${port}/`)).status, 200);
});

test("health checks listen everywhere, or where node ports are served", () => {
  assert.deepEqual(healthCheckHosts(FACTS, []), ["0.0.0.0", "::"]);
  assert.deepEqual(healthCheckHosts({ ...FACTS, families: ["IPv6"] }, []), ["::"]);
  const some: NodeFacts = { ...FACTS, nodePortAddresses: { IPv4: ["10.0.0.0/8"] } };
  assert.deepEqual(healthCheckHosts(some, ["10.1.2.3", "192.0.2.1", "fd00::1"]), ["10.1.2.3", "::"]);
});

test("unspecified and loopback addresses stand for those of each family", () => {
  assert.deepEqual(hostsOf("::", ["IPv4", "IPv6"]), ["0.0.0.0", "::"]);
  assert.deepEqual(hostsOf("127.0.0.1", ["IPv6"]), ["::1"]);
  assert.deepEqual(hostsOf("172.18.0.2", ["IPv4", "IPv6"]), ["172.18.0.2"]);
});

test("healthy until a change waits for too long; /healthz also asks for the node", () => {
  let now = Date.parse("2026-01-02T03:04:05.006Z");
  const health = new ProxyHealth(60_000, () => now);
  const code = (path: string) => health.answer(path)?.code;
  health.queued();
  now += 100_000;
  assert.equal(code("/healthz"), 200, "still starting");
  health.updated();
  health.queued();
  now += 59_999;
  health.queued();
  assert.equal(code("/healthz"), 200);
  now += 1;
  assert.equal(code("/healthz"), 503);
  assert.equal(code("/livez"), 503);
  health.updated();
  assert.equal(code("/livez"), 200);
  health.nodeEligible = false;
  assert.equal(code("/healthz"), 503);
  assert.equal(code("/livez"), 200);
  assert.equal(code("/other"), undefined);
});

test("health answers have the real bodies", async () => {
  const health = new ProxyHealth(1000, () => Date.parse("2026-01-02T03:04:05.006Z"));
  health.updated();
  const counted: [string, number][] = [];
  const listening: Listening = await listenOn(
    hostsOf("127.0.0.1", ["IPv4", "IPv6"]).map((host) => ({ host, port: 0 })),
    serveHealth(health, (path, code) => counted.push([path, code])),
  );
  ends.push(() => listening.close());
  const time = "2026-01-02 03:04:05.006 +0000 UTC";
  const expected = `{"lastUpdated": "${time}","currentTime": "${time}"`;
  for (const host of HOSTS) {
    const url = `http://${host}:${listening.addresses[0]?.port}`;
    assert.equal(await (await fetch(`${url}/healthz`)).text(), `${expected}, "nodeEligible": true}`);
    assert.equal(await (await fetch(`${url}/livez?x`)).text(), `${expected}}`);
    assert.equal((await fetch(`${url}/`)).status, 404);
  }
  assert.equal(counted.length, 4);
});

test("metrics count what each family had, and only that", () => {
  const metrics = new KernelMetrics();
  const report: SyncReport = {
    how: "update",
    why: "change",
    elements: { IPv4: 0, IPv6: 3 },
    foreignRules: false,
    udpEntries: new Map(),
    milliseconds: 30,
    triggers: { IPv6: [99_800] },
  };
  metrics.synced(report, 100_000);
  metrics.failed();
  const lines = metrics.text(7).split("\n");
  const has = (line: string) => assert.ok(lines.includes(line), line);
  has('tandem_kernel_sync_duration_seconds_bucket{family="IPv6",le="0.025"} 0');
  has('tandem_kernel_sync_duration_seconds_bucket{family="IPv6",le="0.05"} 1');
  has('tandem_kernel_sync_duration_seconds_bucket{family="IPv6",le="+Inf"} 1');
  has('tandem_kernel_sync_duration_seconds_sum{family="IPv6"} 0.03');
  has('tandem_kernel_network_programming_duration_seconds_sum{family="IPv6"} 0.2');
  has('tandem_kernel_elements_changed_total{family="IPv6"} 3');
  has('tandem_kernel_last_sync_timestamp_seconds{family="IPv6"} 100');
  has("tandem_kernel_errors_total 1");
  has("tandem_kernel_services 7");
  assert.ok(!lines.some((line) => line.includes('duration_seconds_count{family="IPv4"}')));
});
