import assert from "node:assert/strict";
import { test } from "node:test";
import { podsToCollect } from "../../src/controllers/garbage/pods.ts";
import {
  afterStandstill,
  evictionTime,
  signOfLife,
  taintsFor,
  unknownConditions,
  unreadyPodConditions,
} from "../../src/controllers/nodes/health.ts";
import type { Lease } from "../../src/objects/types.ts";
import { node, NOW, pod } from "./builders.ts";

const TIME = "2026-01-01T00:10:00Z";

function lease(renewTime: string): Lease {
  return {
    apiVersion: "coordination.k8s.io/v1",
    kind: "Lease",
    metadata: { name: "n" },
    spec: { renewTime },
  };
}

test("a sign of life counts from when it was seen, whatever the node's clock says", () => {
  const first = signOfLife(node("n"), lease("1999-01-01T00:00:00Z"), undefined, NOW);
  assert.equal(first.seen, NOW);
  assert.equal(signOfLife(node("n"), lease("1999-01-01T00:00:00Z"), first, NOW + 9000).seen, NOW);
  assert.equal(signOfLife(node("n"), lease("1999-01-01T00:00:10Z"), first, NOW + 9000).seen, NOW + 9000);
});

test("time in which nobody looked makes no node silent", () => {
  const signs = new Map([["n", { sign: "1", seen: NOW - 4000 }]]);
  assert.equal(afterStandstill(signs, NOW, NOW + 6000, 5000), undefined);
  const after = afterStandstill(signs, NOW, NOW + 60_000, 5000);
  assert.deepEqual(after?.get("n"), { sign: "1", seen: NOW + 51_000 });
});

test("a silent node's conditions become Unknown, once", () => {
  const conditions = unknownConditions(node("n"), TIME)!;
  assert.deepEqual(
    conditions.map(({ type, status, reason }) => [type, status, reason]),
    [
      ["Ready", "Unknown", "NodeStatusUnknown"],
      ["MemoryPressure", "Unknown", "NodeStatusNeverUpdated"],
      ["DiskPressure", "Unknown", "NodeStatusNeverUpdated"],
      ["PIDPressure", "Unknown", "NodeStatusNeverUpdated"],
    ],
  );
  assert.equal(unknownConditions(node("n", { status: { conditions } }), TIME), undefined);
});

test("taints follow the state of the node, and leave others' taints alone", () => {
  const own = { key: "dedicated", effect: "NoSchedule" };
  const unready = node("n", {
    spec: { taints: [own] },
    status: { conditions: [{ type: "Ready", status: "False" }] },
  });
  const taints = taintsFor(unready, TIME)!;
  assert.deepEqual(taints, [
    own,
    { key: "node.kubernetes.io/not-ready", effect: "NoSchedule" },
    { key: "node.kubernetes.io/not-ready", effect: "NoExecute", timeAdded: TIME },
  ]);
  assert.equal(taintsFor({ ...unready, spec: { taints } }, TIME), undefined);
  assert.deepEqual(taintsFor(node("n", { spec: { taints } }), TIME), [own]);
  assert.deepEqual(taintsFor(node("n", { spec: { unschedulable: true } }), TIME), [
    { key: "node.kubernetes.io/unschedulable", effect: "NoSchedule" },
  ]);
});

test("pods of a node that is not ready are not ready, and go when their tolerations end", () => {
  assert.equal(unreadyPodConditions(pod("p"), TIME)?.[0]?.status, "False");
  assert.equal(unreadyPodConditions(pod("p", { ready: false }), TIME), undefined);
  const taints = [{ key: "node.kubernetes.io/unreachable", effect: "NoExecute", timeAdded: TIME }];
  const silent = node("n", { spec: { taints } });
  const tolerating = (tolerationSeconds?: number) =>
    pod("p", {
      spec: {
        containers: [],
        tolerations: [
          {
            key: "node.kubernetes.io/unreachable",
            operator: "Exists",
            effect: "NoExecute",
            ...(tolerationSeconds === undefined ? {} : { tolerationSeconds }),
          },
        ],
      },
    });
  assert.equal(evictionTime(pod("p"), silent, NOW), NOW);
  assert.equal(evictionTime(tolerating(300), silent, NOW), NOW + 300_000);
  assert.equal(evictionTime(tolerating(), silent, NOW), undefined);
  assert.equal(evictionTime(pod("p"), node("n"), NOW), undefined);
});

test("pods that nobody else clears away are collected", () => {
  const pods = [
    pod("stays"),
    pod("orphan", { spec: { nodeName: "gone", containers: [] } }),
    pod("perhaps", { spec: { nodeName: "just-gone", containers: [] } }),
    pod("unplaced", { spec: { nodeName: "", containers: [] }, metadata: { deletionTimestamp: TIME } }),
    pod("pending", { spec: { nodeName: "", containers: [] } }),
  ];
  const missing = new Map([
    ["gone", NOW - 40_000],
    ["just-gone", NOW - 39_000],
  ]);
  assert.deepEqual(
    podsToCollect(pods, missing, NOW).map(({ metadata }) => metadata.name),
    ["orphan", "unplaced"],
  );
});
