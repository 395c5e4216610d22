import assert from "node:assert/strict";
import { test } from "node:test";
import { balancerLines, gatewayLines, podLines } from "../../src/cli/status/lines.ts";
import type { ClusterStatus } from "../../src/cli/status/model.ts";
import { problemsOf } from "../../src/cli/status/problems.ts";
import type { Gateway } from "../../src/objects/gateway/index.ts";
import type { Pod, Service } from "../../src/objects/types.ts";

const NOW = Date.parse("2026-01-01T00:01:00Z");
const EMPTY: Omit<ClusterStatus, "problems" | "ok"> = {
  running: true,
  server: "https://127.0.0.1:6443",
  families: ["IPv4", "IPv6"],
  versions: { tandem: "0", node: "0" },
  parts: [],
  nodes: [],
  pods: [],
  gateways: [],
  loadBalancers: [],
  sidecars: { total: 0, ready: 0 },
  faults: [],
};

function pod(
  name: string,
  conditions: Record<string, string>,
  phase: "Running" | "Succeeded" = "Running",
): Pod {
  const list = Object.entries(conditions).map(([type, status]) => ({ type, status, message: "as told" }));
  const podIPs = [{ ip: "10.0.0.1" }, { ip: "fd00::1" }];
  const status = { phase, podIPs, conditions: list };
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, namespace: "shop" },
    spec: { containers: [] },
    status,
  };
}

const SILENT = pod("silent", { Ready: "True", "tandem.dev/IPv6Ready": "False" });

test("pods count for the families that they answer over; what has done its work is apart", () => {
  const done = pod("done", {}, "Succeeded");
  const pods = [pod("fine", { Ready: "True" }), SILENT, pod("down", { Ready: "False" }), done];
  assert.deepEqual(podLines(pods), [
    {
      namespace: "shop",
      ready: 2,
      total: 3,
      families: { IPv4: { ready: 2, total: 3 }, IPv6: { ready: 1, total: 3 } },
      completed: 1,
    },
  ]);
  const found = problemsOf(EMPTY, pods, "", NOW);
  assert.deepEqual(
    found.map(({ where, why }) => `${where}: ${why}`),
    ["pod shop/silent: silent over IPv6: as told", "pod shop/down: not ready: Running"],
  );
});

test("of many pods that are down the first are named, the others counted", () => {
  const pods = Array.from({ length: 25 }, (_, index) => pod(`p${index}`, {}));
  const found = problemsOf(EMPTY, pods, "", NOW);
  assert.equal(found.length, 11);
  assert.equal(found.at(-1)?.why, "15 more are not ready or silent");
});

test("parts are down while they wait, stand still, start for long, or have ended just now", () => {
  const part = (state: "starting" | "running" | "frozen" | "waiting", since: string, restarts = 0) => {
    const lastEnd = restarts > 0 ? { lastEnd: "SIGKILL" } : {};
    const parts = [
      { name: "mesh", state, since: `2026-01-01T00:${since}Z`, restarts, log: "/log", ...lastEnd },
    ];
    return problemsOf({ ...EMPTY, parts }, [], "", NOW).map(({ why }) => why);
  };
  assert.deepEqual(part("running", "00:00"), []);
  assert.deepEqual(part("running", "00:00", 3), []);
  assert.deepEqual(part("starting", "00:55"), []);
  assert.deepEqual(part("starting", "00:00"), ["it is not ready yet"]);
  assert.deepEqual(part("running", "00:55", 1), ["it ended with SIGKILL, and was started again just now"]);
  assert.deepEqual(part("frozen", "00:00"), ["its process stands still (SIGSTOP)"]);
  assert.deepEqual(part("waiting", "00:00", 1), ["it ended with SIGKILL"]);
});

test("Gateways that are not programmed and load balancers without addresses are told of, with what to look at", () => {
  const metadata = { name: "edge", namespace: "shop" };
  const conditions = [{ type: "Programmed", status: "False", reason: "Pending", message: "no address yet" }];
  const gateway = { metadata, spec: { listeners: [] }, status: { conditions } } as unknown as Gateway;
  const service = { metadata, spec: { type: "LoadBalancer" } } as unknown as Service;
  const other = { metadata, spec: { type: "ClusterIP" } } as unknown as Service;
  const known = {
    ...EMPTY,
    gateways: gatewayLines([gateway]),
    loadBalancers: balancerLines([service, other]),
  };
  assert.deepEqual(problemsOf(known, [], "", NOW), [
    {
      where: "gateway shop/edge",
      why: "not programmed: Pending: no address yet",
      next: "kubectl -n shop describe gateway edge",
    },
    {
      where: "service shop/edge",
      why: "its load balancer has no address yet",
      next: "kubectl -n shop describe service edge",
    },
  ]);
});

test("a fault comes with the command that mends it in its cluster", () => {
  const fault = {
    id: 3,
    since: "2026-01-01T00:00:00Z",
    target: { kind: "node", name: "node-2" },
    effect: { kind: "loss", family: "IPv6", percent: 100 },
  } as const;
  const [found] = problemsOf({ ...EMPTY, faults: [fault] }, [], " --name demo", NOW);
  assert.deepEqual(found, {
    where: "node node-2",
    why: "fault 3 is in force: IPv6 gone",
    next: "tandem lab mend 3 --name demo",
  });
});
