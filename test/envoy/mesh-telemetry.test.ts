/** Seeing traffic, with packets of both families: access logs, counters and spans of two sidecars. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { SIDECAR_PORTS } from "../../src/envoy/mesh/index.ts";
import type { Family } from "../../src/ip/family.ts";
import { ADDRESSES, type Place, type TestNetwork } from "../kernel/network.ts";
import { ENVOY } from "./ads-envoy.ts";
import type { FakeSpan } from "./fake-collector.ts";
import { pod, policy, service } from "./mesh-texts.ts";
import { type MeshWorld, startWorld } from "./mesh-world.ts";

const SERVICES = {
  web4: { number: 21, families: ["IPv4", "IPv6"] },
  web6: { number: 22, families: ["IPv6", "IPv4"] },
} as const;

const OBJECTS = [
  pod("a"),
  pod("b"),
  ...Object.entries(SERVICES).map(([name, { number, families }]) =>
    service(name, number, families, "http-web", "b", 8081),
  ),
  service("echo", 23, ["IPv6", "IPv4"], "tcp-echo", "b", 9000),
  policy(
    "MeshPolicy",
    "a",
    `selector: { matchLabels: { app: a } }, telemetry: { accessLog: All, metrics: true,
      tracing: { endpoint: "[${ADDRESSES.client.IPv6}]:4317", samplingPercent: 100 } }`,
  ),
  "---",
  policy(
    "MeshPolicy",
    "b",
    `selector: { matchLabels: { app: b } }, telemetry: { accessLog: Failures, metrics: true,
      tracing: { endpoint: "${ADDRESSES.client.IPv4}:4318", protocol: HTTP, samplingPercent: 0 } }`,
  ),
  "---",
  policy(
    "AuthorizationPolicy",
    "deny",
    "action: Deny, rules: [{ to: [{ ports: [8081], paths: [/denied] }] }]",
  ),
].join("\n");

const TRACE = "0af7651916cd43dd8448eb211c80319c";
const PARENT = "b7ad6b7169203331";

describe("telemetry of real Envoys", { skip: ENVOY === undefined && "no Envoy here" }, () => {
  let world: MeshWorld;
  let collector: Collector;

  before(async () => {
    world = await startWorld(OBJECTS, ["a", "b"], ["client"]);
    collector = await startCollector(world.network, "client");
  });
  after(async () => {
    collector?.child.kill("SIGKILL");
    await world?.close();
  });

  const web = (name: keyof typeof SERVICES, family: Family, headers: Record<string, string> = {}) => {
    const { number } = SERVICES[name];
    const host = family === "IPv4" ? `10.96.0.${number}` : `fd00:10:96::${number}`;
    return world.ask("a", { kind: "http", host, port: 80, path: `/${name}-${family}`, headers });
  };

  test("nothing is refused", () => assert.deepEqual(world.refused, []));

  test("a line for each request has the families of both sides, identities, and what came of it", async () => {
    for (const client of ["IPv4", "IPv6"] as const) {
      for (const name of ["web4", "web6"] as const) {
        assert.match(await web(name, client), /^200 /);
        const line = await lineOf(world, "a", ({ path }) => path === `/${name}-${client}`);
        const { time: _, duration, bytes_sent, request_id, trace_id, source_address, ...rest } = line;
        assert.equal(typeof duration, "number");
        assert.ok(Number(bytes_sent) > 100);
        assert.ok(String(source_address).includes(ADDRESSES.a[client]));
        assert.match(`${String(request_id)} ${String(trace_id)}`, /^[0-9a-f-]{36} [0-9a-f]{32}$/);
        const upstream = SERVICES[name].families[0];
        const { number } = SERVICES[name];
        const address = ADDRESSES.b[upstream];
        assert.deepEqual(rest, {
          reporter: "source",
          source: "spiffe://cluster.local/ns/default/sa/a",
          source_family: client,
          destination: "spiffe://cluster.local/ns/default/sa/b",
          destination_address: upstream === "IPv4" ? `${address}:8081` : `[${address}]:8081`,
          destination_family: upstream,
          cluster: `outbound|80||${name}.default.svc.cluster.local`,
          flags: "-",
          bytes_received: 0,
          protocol: "HTTP/1.1",
          method: "GET",
          authority: client === "IPv4" ? `10.96.0.${number}` : `[fd00:10:96::${number}]`,
          path: `/${name}-${client}`,
          response_code: 200,
          response_code_details: "via_upstream",
          grpc_status: null,
          route: "default",
        });
      }
    }
  });

  test("a line for each connection", async () => {
    assert.equal(
      await world.ask("a", { kind: "tcp", host: "10.96.0.23", port: 80, text: "x" }),
      "hello x from b on IPv6",
    );
    const line = await lineOf(world, "a", ({ cluster }) => cluster?.includes("echo"));
    assert.equal(line["source_family"], "IPv4");
    assert.equal(line["destination_family"], "IPv6");
    assert.equal(line["destination"], "spiffe://cluster.local/ns/default/sa/b");
    assert.equal(line["bytes_received"], 2);
  });

  test("a sidecar that is asked for failures alone tells of these", async () => {
    const denied = { kind: "http", host: "10.96.0.22", port: 80, path: "/denied" } as const;
    assert.match(await world.ask("a", denied), /^403/);
    const line = await lineOf(world, "b", ({ path }) => path === "/denied");
    assert.equal(line["reporter"], "destination");
    assert.equal(line["source"], "spiffe://cluster.local/ns/default/sa/a");
    assert.equal(line["source_family"], "IPv6");
    assert.equal(line["response_code"], 403);
    assert.ok(world.logs("b").every((text) => text.includes("/denied")));
  });

  test("a call of gRPC that fails is among the failures, though it is answered with 200", async () => {
    const headers = { "content-type": "application/grpc" };
    const path = "/denied?call";
    assert.match(await world.ask("a", { kind: "http", host: "10.96.0.22", port: 80, path, headers }), /^200/);
    const line = await lineOf(world, "b", (one) => one.path === path);
    assert.equal(line["response_code"], 200);
    assert.equal(line["grpc_status"], "PERMISSION_DENIED");
  });

  test("counters are told on both families by source, destination, response and family", async () => {
    for (const host of [ADDRESSES.a.IPv4, `[${ADDRESSES.a.IPv6}]`]) {
      const text = await metrics(world, "client", host);
      const sample = (cluster: string, from: Family, to: Family) =>
        `envoy_tandem_requests{reporter="source",workload="default/a",source="spiffe://cluster.local/ns/default/sa/a",` +
        `destination="outbound|80||${cluster}.default.svc.cluster.local",response_code="200",` +
        `grpc_response_status="",response_flags="-",` +
        `source_family="${from}",destination_family="${to}"}`;
      for (const family of ["IPv4", "IPv6"] as const) {
        assert.ok(text.includes(sample("web4", family, "IPv4")), text);
        assert.ok(text.includes(sample("web6", family, "IPv6")), text);
      }
      assert.match(
        text,
        /envoy_tandem_connections\{[^}]*echo[^}]*source_family="IPv4",destination_family="IPv6"/,
      );
    }
    const seen = await metrics(world, "client", `[${ADDRESSES.b.IPv6}]`);
    assert.match(
      seen,
      /envoy_tandem_requests\{reporter="destination",workload="default\/b",source="spiffe:[^"]*sa\/a",[^}]*response_code="403",grpc_response_status=""/,
    );
    assert.match(seen, /envoy_tandem_requests\{[^}]*response_code="200",grpc_response_status="7"/);
  });

  test("the server gets the trace context of its caller's caller; spans follow each other", async () => {
    const traceparent = `00-${TRACE}-${PARENT}-01`;
    const answer = await web("web6", "IPv4", { traceparent });
    const passed = /"traceparent":"00-([0-9a-f]{32})-([0-9a-f]{16})-01"/.exec(answer);
    assert.equal(passed?.[1], TRACE);
    const [atA, atB] = await collector.spans((span) => span.traceId === TRACE, 2);
    const outbound = [atA, atB].find((span) => span?.service === "a") as FakeSpan;
    const inbound = [atA, atB].find((span) => span?.service === "b") as FakeSpan;
    assert.equal(outbound.over, "grpc");
    assert.equal(inbound.over, "http");
    assert.equal(outbound.parentSpanId, PARENT);
    assert.equal(inbound.parentSpanId, outbound.spanId);
    assert.equal(inbound.spanId, passed?.[2]);
    assert.equal(outbound.attributes["tandem.source_family"], "IPv4");
    assert.equal(outbound.attributes["tandem.destination_family"], "IPv6");
  });

  test("spans go out in batches, not by fives", async () => {
    const sampled = { traceparent: `00-${TRACE}-${PARENT}-01` };
    let largest = 0;
    for (let tries = 0; tries < 12 && largest <= 5; tries++) {
      const before = collector.known(({ over }) => over === "http").length;
      await Promise.all(Array.from({ length: 12 }, () => web("web4", "IPv4", sampled)));
      const came = await collector.spans(({ over }) => over === "http", before + 12);
      largest = Math.max(...came.map(({ together }) => together));
    }
    assert.ok(largest > 5, `${largest} spans in the largest export`);
  });

  test("a request without a context gets one, and a trace that is not sampled stays so", async () => {
    assert.match(await web("web4", "IPv6"), /"traceparent":"00-[0-9a-f]{32}-[0-9a-f]{16}-01"/);
    const other = "1af7651916cd43dd8448eb211c80319c";
    const answer = await web("web4", "IPv6", { traceparent: `00-${other}-${PARENT}-00` });
    assert.match(answer, new RegExp(`"traceparent":"00-${other}-[0-9a-f]{16}-00"`));
  });

  test("a connection that a rule refuses, or that comes without mutual TLS where it must not, has failed", async () => {
    const keepOut = [
      policy("AuthorizationPolicy", "keep-out", "action: Deny, rules: [{ to: [{ ports: [9000] }] }]"),
      "---",
      policy(
        "MeshPolicy",
        "strict",
        "selector: { matchLabels: { app: b } }, ports: [{ port: 9001, mutualTls: Strict }]",
      ),
    ].join("\n");
    await world.apply(keepOut);
    await world.ask("a", { kind: "tcp", host: "10.96.0.23", port: 80, text: "x" });
    const refused = await lineOf(world, "b", ({ cluster }) => cluster === "inbound|9000||");
    assert.equal(refused["termination"], "rbac_access_denied_matched_policy[default/keep-out/rule/0]");
    assert.equal(refused["source"], "spiffe://cluster.local/ns/default/sa/a");
    for (const family of ["IPv4", "IPv6"] as const) {
      await world.ask("client", { kind: "tcp", host: ADDRESSES.b[family], port: 9001, text: "x" });
      const turnedAway = await lineOf(
        world,
        "b",
        ({ flags, source_family: from }) => flags === "NR" && from === family,
      );
      assert.ok(String(turnedAway["source_address"]).includes(ADDRESSES.client[family]));
    }
    await world.apply(keepOut, "deleted");
  });

  test("the id of a request is what its caller says", async () => {
    const id = "f17bb7b0-ced1-4b08-9bf8-8febee2093bb";
    assert.ok((await web("web4", "IPv4", { "x-request-id": id })).includes(`"x-request-id":"${id}"`));
  });

  test("without a policy nothing is told, and nothing is added to requests", async () => {
    for (const name of ["a", "b"]) {
      await world.apply(policy("MeshPolicy", name, ""), "deleted");
    }
    // connections between the sidecars are of the time before, until they have been idle for a while
    let answer = "traceparent";
    for (let tries = 0; tries < 10 && answer.includes("traceparent"); tries++) {
      await sleep(5_000);
      answer = await web("web4", "IPv4");
    }
    assert.match(answer, /^200 /);
    assert.doesNotMatch(answer, /traceparent/);
    // lines of the time before may come late: this one would have its id
    const id = "5a0e5f9c-3c61-4b53-9a6a-2f1c2b8f0a11";
    await web("web4", "IPv4", { "x-request-id": id });
    await sleep(500);
    assert.deepEqual(
      world.logs("a").filter((text) => text.includes(id)),
      [],
    );
    assert.deepEqual(world.refused, []);
  });
});

type Line = Record<string, string | undefined>;

async function lineOf(
  world: MeshWorld,
  place: Place,
  is: (line: Line) => boolean | undefined,
): Promise<Line> {
  for (let tries = 0; tries < 600; tries++) {
    for (const text of world.logs(place)) {
      const line = JSON.parse(text) as Line;
      if (is(line)) return line;
    }
    await sleep(100);
  }
  throw new Error(`no such line of ${world.logs(place).length}: ${world.logs(place).join("\n")}`);
}

async function metrics(world: MeshWorld, from: Place, host: string): Promise<string> {
  const url = `http://${host}:${SIDECAR_PORTS.stats}/stats/prometheus?filter=tandem`;
  const { stdout } = await world.network.exec(["ip", "netns", "exec", from, "curl", "-gsS", url]);
  return stdout;
}

interface Collector {
  readonly child: ChildProcess;
  /** The spans of a kind that have come. */
  known(are: (span: FakeSpan) => boolean): FakeSpan[];
  /** So many spans of a kind, once they have come. */
  spans(are: (span: FakeSpan) => boolean, count: number): Promise<FakeSpan[]>;
}

async function startCollector(network: TestNetwork, place: Place): Promise<Collector> {
  const [program = "", ...args] = [
    ...network.enter(place),
    process.execPath,
    join(import.meta.dirname, "fake-collector.ts"),
  ];
  const child = spawn(program, args, { stdio: ["pipe", "pipe", "inherit"] });
  const known: FakeSpan[] = [];
  const ready = Promise.withResolvers<void>();
  createInterface({ input: child.stdout }).on("line", (line) => {
    if (line === '"ready"') ready.resolve();
    else known.push(JSON.parse(line) as FakeSpan);
  });
  await ready.promise;
  return {
    child,
    known: (are) => known.filter(are),
    spans: async (are, count) => {
      for (let tries = 0; tries < 600; tries++) {
        if (known.filter(are).length >= count) return known.filter(are);
        await sleep(100);
      }
      throw new Error(`${count} spans did not come; these did: ${JSON.stringify(known)}`);
    },
  };
}
