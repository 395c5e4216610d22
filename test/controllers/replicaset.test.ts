import assert from "node:assert/strict";
import { test } from "node:test";
import { planReplicas, replicaSetStatus } from "../../src/controllers/replicaset/reconcile.ts";
import { claim } from "../../src/controllers/runtime/owners.ts";
import type { ReplicaSet } from "../../src/objects/types.ts";
import { NOW, owned, pod } from "./builders.ts";

function replicaSet(replicas: number, minReadySeconds = 0): ReplicaSet {
  return {
    apiVersion: "apps/v1",
    kind: "ReplicaSet",
    metadata: { name: "web", namespace: "default", uid: "uid-web", generation: 2 },
    spec: {
      replicas,
      minReadySeconds,
      selector: { matchLabels: { app: "web" } },
      template: { metadata: { labels: { app: "web" } }, spec: { containers: [] } },
    },
  };
}

test("pods that are missing are created; those that ended or go do not count", () => {
  const pods = [
    pod("a"),
    pod("b", { metadata: { deletionTimestamp: "x" } }),
    pod("c", { status: { phase: "Failed" } }),
  ];
  assert.equal(planReplicas(replicaSet(3), pods, pods, NOW).create, 2);
  const dying = replicaSet(3);
  dying.metadata.deletionTimestamp = "x";
  assert.equal(planReplicas(dying, pods, pods, NOW).create, 0);
});

test("of too many pods those go first that are missed least", () => {
  const pods = [
    pod("old", { metadata: { creationTimestamp: "2026-01-01T00:00:00Z" } }),
    pod("young", { metadata: { creationTimestamp: "2026-01-01T00:09:00Z" } }),
    pod("restarted", {
      metadata: { creationTimestamp: "2026-01-01T00:00:00Z" },
      status: { containerStatuses: [{ name: "c", image: "", imageID: "", ready: true, restartCount: 3 }] },
    }),
    pod("cheap", { metadata: { annotations: { "controller.kubernetes.io/pod-deletion-cost": "-1" } } }),
    pod("unready", { ready: false }),
    pod("pending", { status: { phase: "Pending" } }),
    pod("unplaced", { spec: { nodeName: "", containers: [] } }),
    pod("crowded-1", {
      spec: { nodeName: "node-2", containers: [] },
      metadata: { creationTimestamp: "2026-01-01T00:00:00Z" },
    }),
  ];
  const crowd = [
    ...pods,
    ...["x", "y", "z", "u", "v", "w", "t"].map((name) =>
      pod(name, { spec: { nodeName: "node-2", containers: [] } }),
    ),
  ];
  const order = planReplicas(replicaSet(0), pods, crowd, NOW).delete.map(({ metadata }) => metadata.name);
  assert.deepEqual(order, [
    "unplaced",
    "pending",
    "unready",
    "cheap",
    "crowded-1",
    "restarted",
    "young",
    "old",
  ]);
});

test("the status counts ready and available pods, and says when to look again", () => {
  const young = pod("young", {
    status: { conditions: [{ type: "Ready", status: "True", lastTransitionTime: "2026-01-01T00:09:58Z" }] },
  });
  const { status, recheck } = replicaSetStatus(
    replicaSet(3, 10),
    [pod("a"), young, pod("b", { ready: false })],
    NOW,
  );
  assert.deepEqual(status, {
    replicas: 3,
    fullyLabeledReplicas: 3,
    readyReplicas: 2,
    availableReplicas: 1,
    observedGeneration: 2,
  });
  assert.equal(recheck, 8000);
  const failed = replicaSetStatus(replicaSet(1), [], NOW, { reason: "FailedCreate", message: "no" }).status;
  assert.deepEqual(failed.conditions?.[0], {
    type: "ReplicaFailure",
    status: "True",
    reason: "FailedCreate",
    message: "no",
    lastTransitionTime: "2026-01-01T00:10:00Z",
  });
  const still = { ...replicaSet(1), status: failed };
  const again = { reason: "FailedCreate", message: "no" };
  assert.deepEqual(replicaSetStatus(still, [], NOW + 1000, again).status.conditions, failed.conditions);
  assert.equal(
    replicaSetStatus(still, [pod("a")], NOW).status.conditions,
    undefined,
    "it goes with its cause",
  );
});

test("orphans that match are adopted, own pods that no longer match are let go, others' are left alone", () => {
  const set = replicaSet(1);
  const other = { ...replicaSet(1), metadata: { ...set.metadata, uid: "other" } };
  const pods = [
    owned(pod("own"), set),
    owned(pod("strayed", { metadata: { labels: {} } }), set),
    owned(pod("theirs"), other),
    pod("orphan"),
    pod("stranger", { metadata: { labels: {} } }),
  ];
  const names = (list: readonly { metadata: { name: string } }[]) =>
    list.map(({ metadata }) => metadata.name);
  const result = claim(set, set.spec.selector, pods);
  assert.deepEqual(
    [names(result.owned), names(result.adopted), names(result.released)],
    [["own", "orphan"], ["orphan"], ["strayed"]],
  );
});
