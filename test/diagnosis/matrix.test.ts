import assert from "node:assert/strict";
import { test } from "node:test";
import { judgeMatrix, requestsFor } from "../../src/diagnosis/matrix/judge.ts";
import { clientKindsOf, type Matrix } from "../../src/diagnosis/matrix/model.ts";
import { type PlanInput, planMatrix } from "../../src/diagnosis/matrix/plan.ts";
import { ASCII, printMatrix } from "../../src/diagnosis/matrix/print.ts";
import type { ProbeRequest, ProbeResult } from "../../src/diagnosis/probe/protocol.ts";
import type { Family, PerFamily } from "../../src/ip/family.ts";
import type { Backend, Frontend } from "../../src/traffic/model.ts";

const BOTH: readonly Family[] = ["IPv4", "IPv6"];
const READY = { ready: true, serving: true, terminating: false };

function backend(addresses: PerFamily<string>): Backend {
  const conditions = {
    ...(addresses.IPv4 ? { IPv4: READY } : {}),
    ...(addresses.IPv6 ? { IPv6: READY } : {}),
  };
  return { id: JSON.stringify(addresses), addresses, conditions };
}

function frontend(
  name: string,
  addresses: PerFamily<string>,
  backends: Backend[],
  nodePort?: number,
): Frontend {
  const families = BOTH.filter((family) => addresses[family] !== undefined);
  return {
    key: `default/${name}`,
    namespace: "default",
    name,
    kind: "virtual",
    families,
    addresses,
    externalAddresses: {},
    balancerAddresses: {},
    ports: [
      {
        name: "http",
        protocol: "TCP",
        port: 80,
        ...(nodePort === undefined ? {} : { nodePort }),
        backends: backends.map((item) => ({ backend: item, port: 8080 })),
      },
    ],
    backends,
    internalPolicy: "Cluster",
    externalPolicy: "Cluster",
    sourceRanges: {},
  };
}

const WEB = frontend(
  "web",
  { IPv4: "10.96.0.9", IPv6: "fd00:10:96::9" },
  [backend({ IPv4: "10.244.1.2", IPv6: "fd00:10:244:1::2" })],
  30080,
);
const OLD = frontend("old", { IPv4: "10.96.0.8" }, [backend({ IPv4: "10.244.1.3" })]);
const IDLE = frontend("idle", { IPv6: "fd00:10:96::7" }, []);

type Answer = (request: ProbeRequest, client: string) => Omit<ProbeResult, "id" | "milliseconds">;

function matrixOf(
  frontends: readonly Frontend[],
  answer: Answer,
  known: Pick<PlanInput, "silentOf" | "hasSidecar"> = {},
): Matrix {
  const nodes = { IPv4: ["172.18.0.2"], IPv6: ["fd00:172:18::2"] };
  const plans = planMatrix({ frontends, families: BOTH, nodes, clusterDomain: "cluster.local", ...known });
  const clients = clientKindsOf(BOTH);
  const results = clients.map((client) => {
    const answers = requestsFor(client, plans).map((request) => {
      return [request.id, { id: request.id, milliseconds: 1, ...answer(request, client.name) }] as const;
    });
    return [client.name, new Map(answers)] as const;
  });
  return judgeMatrix(BOTH, clients, plans, new Map(results));
}

test("all works: a tick wherever the Service has the family, a dash elsewhere", () => {
  const matrix = matrixOf([OLD, WEB], () => ({ ok: true }));
  assert.equal(matrix.ok, true);
  assert.equal(
    printMatrix(matrix),
    [
      "NAMESPACE   SERVICE   DNS/4   DNS/6   CLUSTERIP/4   CLUSTERIP/6   NODEPORT/4   NODEPORT/6   POD/4   POD/6",
      "default     old       ✓       –       ✓             –             –            –            ✓       –",
      "default     web       ✓       ✓       ✓             ✓             ✓            ✓            ✓       ✓",
    ].join("\n"),
  );
});

test("a failure over one family shows its reason there, and who saw it", () => {
  const matrix = matrixOf([WEB], (request, client) =>
    request.kind === "tcp" && request.address === "fd00:10:96::9" && client === "ipv6"
      ? { ok: false, reason: "refused" }
      : { ok: true },
  );
  assert.equal(matrix.ok, false);
  const text = printMatrix(matrix, ASCII);
  assert.match(text, /default +web +ok +ok +ok +FAIL refused +ok +ok +ok +ok/);
  assert.match(
    text,
    /default\/web ClusterIP over IPv6: \[fd00:10:96::9\]:80\/TCP from a client with IPv6 only: refused/,
  );
});

test("no ready endpoints fails without trying, in the Service's families only", () => {
  const matrix = matrixOf([IDLE], () => ({ ok: true }));
  const cells = matrix.rows[0]?.cells;
  assert.deepEqual(cells?.ClusterIP.IPv6, { state: "failed", reason: "no ready endpoints", failures: [] });
  assert.equal(cells?.ClusterIP.IPv4?.state, "none");
  assert.equal(matrix.ok, false);
});

test("a family is dead where sidecars accept for applications that are silent there", () => {
  const pod = { namespace: "default", name: "web-1" };
  const addresses = { IPv4: "10.244.1.2", IPv6: "fd00:10:244:1::2" };
  const deaf = { ...backend(addresses), pod };
  const other = {
    ...backend({ IPv4: "10.244.1.4", IPv6: "fd00:10:244:1::4" }),
    pod: { ...pod, name: "web-2" },
  };
  const at = { IPv4: "10.96.0.9", IPv6: "fd00:10:96::9" };
  const silentOf = (name: string) =>
    name === "default/web-1"
      ? { IPv6: { type: "x", status: "False", message: "listens on 0.0.0.0:8080; bind [::]:8080" } }
      : undefined;
  const cellsOf = (backends: Backend[], hasSidecar: boolean) =>
    matrixOf([frontend("web", at, backends)], () => ({ ok: true }), {
      silentOf,
      hasSidecar: () => hasSidecar,
    }).rows[0]?.cells;
  const cells = cellsOf([deaf], true);
  for (const cell of [cells?.ClusterIP.IPv6, cells?.Pod.IPv6]) {
    assert.ok(cell?.state === "failed");
    assert.equal(cell.reason, "only its sidecar accepts");
    assert.match(cell.failures[0]?.hint ?? "", /pod default\/web-1 listens on 0\.0\.0\.0:8080/);
  }
  assert.equal(cells?.Pod.IPv4?.state, "ok");
  // without a sidecar the connection itself tells, and one of several may answer
  assert.equal(cellsOf([deaf], false)?.Pod.IPv6?.state, "ok");
  const mixed = cellsOf([deaf, other], true);
  assert.deepEqual([mixed?.ClusterIP.IPv6?.state, mixed?.Pod.IPv6?.state], ["ok", "failed"]);
});

test("DNS that answers for a family the Service lacks is a failure", () => {
  const matrix = matrixOf([OLD], (request) =>
    request.kind === "dns" && request.type === "AAAA"
      ? { ok: false, reason: "answers fd00::1" }
      : { ok: true },
  );
  assert.equal(matrix.rows[0]?.cells.DNS.IPv6?.state, "failed");
});

test("a client that gives no results counts as failing", () => {
  const clients = clientKindsOf(BOTH);
  const plans = planMatrix({ frontends: [WEB], families: BOTH, nodes: {}, clusterDomain: "cluster.local" });
  const matrix = judgeMatrix(BOTH, clients, plans, new Map());
  assert.equal(matrix.rows[0]?.cells.DNS.IPv4?.state, "failed");
  assert.deepEqual(matrix.rows[0]?.cells.NodePort.IPv4, {
    state: "failed",
    reason: "no node has IPv4",
    failures: [],
  });
});

test("clients connect over the families they have, and ask DNS for both", () => {
  const plans = planMatrix({ frontends: [WEB], families: BOTH, nodes: {}, clusterDomain: "cluster.local" });
  const requests = requestsFor({ name: "ipv4", families: ["IPv4"] }, plans);
  const connections = requests.filter((request) => request.kind !== "dns");
  assert.ok(connections.length > 0);
  assert.ok(connections.every((request) => request.family === "IPv4"));
  assert.deepEqual(
    requests.filter((request) => request.kind === "dns").map((request) => request.type),
    ["A", "AAAA"],
  );
});

test("headless: DNS must hold exactly the ready addresses; an alias must hold its target", () => {
  const headless: Frontend = { ...WEB, kind: "headless", addresses: {}, ports: [] };
  const alias: Frontend = {
    ...WEB,
    kind: "alias",
    addresses: {},
    families: [],
    target: "www.example.com.",
    ports: [],
    backends: [],
  };
  const plans = planMatrix({
    frontends: [headless, alias],
    families: ["IPv6"],
    nodes: {},
    clusterDomain: "cluster.local",
  });
  const requests = requestsFor({ name: "ipv6", families: ["IPv6"] }, plans);
  const expected = requests.map((request) => (request.kind === "dns" ? request.expected : undefined));
  assert.deepEqual(expected, [["fd00:10:244:1::2"], ["www.example.com"]]);
});

test("a headless Service without ports has nothing to connect to; one without endpoints fails all the same", () => {
  const named: Frontend = { ...WEB, kind: "headless", addresses: {}, ports: [] };
  const idle: Frontend = { ...named, key: "default/idle", name: "idle", backends: [] };
  const { rows } = matrixOf([named, idle], () => ({ ok: true }));
  const pods = Object.fromEntries(rows.map(({ name, cells }) => [name, cells.Pod.IPv6]));
  assert.deepEqual(pods["web"], { state: "none", reason: "no ports" });
  assert.deepEqual(pods["idle"], { state: "failed", reason: "no ready endpoints", failures: [] });
});

test("a cluster of one family has one kind of client", () => {
  assert.deepEqual(clientKindsOf(["IPv6"]), [{ name: "ipv6", families: ["IPv6"] }]);
});

test("under externalTrafficPolicy Local only nodes with an endpoint of their own are asked for the node port", () => {
  const local: Frontend = {
    ...WEB,
    externalPolicy: "Local",
    backends: WEB.backends.map((item) => ({ ...item, node: "node-2" })),
  };
  const names = new Map([
    ["172.18.0.2", "node-1"],
    ["172.18.0.3", "node-2"],
  ]);
  const [row] = planMatrix({
    frontends: [local],
    families: BOTH,
    nodes: { IPv4: [...names.keys()] },
    nodeOf: (address) => names.get(address),
    clusterDomain: "cluster.local",
  });
  const cell = row?.cells.NodePort.IPv4;
  assert.deepEqual(cell?.kind === "try" ? cell.requests.map(({ target }) => target) : cell, [
    "172.18.0.3:30080/TCP",
  ]);
});

function withPorts(protocols: readonly ("TCP" | "UDP" | "SCTP")[]): Frontend {
  const [port] = WEB.ports;
  if (port === undefined) throw new Error("WEB has a port");
  return { ...WEB, ports: protocols.map((protocol) => ({ ...port, protocol })) };
}

test("SCTP cannot be tried: such ports are left out, and a Service of no other has nothing to show", () => {
  const refuseAll: Answer = (request) =>
    request.kind === "dns" ? { ok: true } : { ok: false, reason: "refused" };
  const only = matrixOf([withPorts(["SCTP"])], refuseAll).rows[0]?.cells;
  for (const path of ["ClusterIP", "NodePort", "Pod"] as const) {
    assert.deepEqual(only?.[path].IPv6, { state: "none", reason: "no TCP or UDP ports" }, path);
  }
  const both = matrixOf([withPorts(["TCP", "SCTP"])], () => ({ ok: true })).rows[0]?.cells;
  assert.deepEqual(both?.Pod.IPv4, { state: "ok", checks: 2 }); // one port, two kinds of clients
});

test("a UDP port without an answer says that its server may just have nothing to say", () => {
  const silent: Answer = (request) =>
    request.kind === "udp" ? { ok: false, reason: "no answer" } : { ok: true };
  const text = printMatrix(matrixOf([withPorts(["UDP"])], silent), ASCII);
  assert.match(text, /no answer \(lost, or a server that says nothing to the line "hostname"\)/);
});

test("under internalTrafficPolicy Local only clients on nodes with an endpoint are asked for the cluster IP", () => {
  const backends = WEB.backends.map((item) => ({ ...item, node: "node-2" }));
  const ports = WEB.ports.map((port) => ({
    ...port,
    backends: backends.map((item) => ({ backend: item, port: 8080 })),
  }));
  const local: Frontend = { ...WEB, internalPolicy: "Local", backends, ports };
  const plans = planMatrix({ frontends: [local], families: BOTH, nodes: {}, clusterDomain: "cluster.local" });
  const silent = new Map<string, ReadonlyMap<string, ProbeResult>>();
  const cellFor = (node: string) => {
    const clients = clientKindsOf(BOTH).map((kind) => ({ ...kind, node }));
    const asked = requestsFor({ ...clients[0], name: "dual", families: BOTH, node }, plans);
    const cell = judgeMatrix(BOTH, clients, plans, silent).rows[0]?.cells.ClusterIP.IPv6;
    return { state: cell?.state, asked: asked.filter(({ id }) => id.includes("|ClusterIP|")).length };
  };
  assert.deepEqual(cellFor("node-1"), { state: "none", asked: 0 });
  assert.deepEqual(cellFor("node-2"), { state: "failed", asked: 2 });
});

test("an ExternalName that is an address says what to use instead", () => {
  const alias: Frontend = {
    ...WEB,
    kind: "alias",
    target: "192.0.2.9",
    addresses: {},
    ports: [],
    backends: [],
  };
  const text = printMatrix(
    matrixOf([alias], () => ({ ok: false, reason: "no such name" })),
    ASCII,
  );
  assert.match(text, /no such name \(externalName 192\.0\.2\.9 is an address, .*EndpointSlice/);
});
