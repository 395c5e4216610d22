import assert from "node:assert/strict";
import { test } from "node:test";
import { assess, type Scales } from "../../src/controllers/disruption/reconcile.ts";
import type { PodDisruptionBudget } from "../../src/objects/disruption/types.ts";
import { KINDS } from "../../src/objects/kinds.ts";
import type { StatefulSet } from "../../src/objects/statefulset/types.ts";
import type { Deployment, KubeEvent, Namespace, ReplicaSet } from "../../src/objects/types.ts";
import { NOW, owned, pod } from "./builders.ts";
import { eventually, FakeNodes, itemsOf, startCluster } from "./cluster.ts";

const SELECTOR = { matchLabels: { app: "web" } };
const TEMPLATE = { metadata: { labels: { app: "web" } }, spec: { containers: [] } };

function budget(
  spec: PodDisruptionBudget["spec"],
  status?: PodDisruptionBudget["status"],
): PodDisruptionBudget {
  const metadata = { name: "web", namespace: "default", generation: 3 };
  const object = { apiVersion: "policy/v1", kind: "PodDisruptionBudget", metadata };
  return { ...object, spec: { selector: SELECTOR, ...spec }, ...(status ? { status } : {}) };
}

function replicaSet(replicas: number, name = "web"): ReplicaSet {
  const metadata = { name, namespace: "default", uid: `uid-${name}` };
  const spec = { replicas, selector: SELECTOR, template: TEMPLATE };
  return { apiVersion: "apps/v1", kind: "ReplicaSet", metadata, spec };
}

const statefulSet: StatefulSet = {
  ...{ apiVersion: "apps/v1", kind: "StatefulSet" },
  metadata: { name: "db", namespace: "default", uid: "uid-db" },
  spec: { replicas: 6, selector: SELECTOR, template: TEMPLATE },
};

const scales = (...sets: readonly ReplicaSet[]): Scales => ({
  replicaSet: (key) => sets.find(({ metadata }) => `default/${metadata.name}` === key),
  deployment: () => undefined,
  statefulSet: (key) => (key === "default/db" ? statefulSet : undefined),
});

const set = replicaSet(4);
const pods = [
  owned(pod("a"), set),
  owned(pod("b"), set),
  owned(pod("c"), set),
  owned(pod("d", { ready: false }), set),
];

function numbersOf(of: PodDisruptionBudget): number[] {
  const { status } = assess(of, pods, scales(set), NOW);
  return [status.expectedPods, status.currentHealthy, status.desiredHealthy, status.disruptionsAllowed];
}

for (const [spec, ...expected] of [
  [{ maxUnavailable: 1 }, 4, 3, 3, 0],
  [{ maxUnavailable: 2 }, 4, 3, 2, 1],
  [{ maxUnavailable: "30%" }, 4, 3, 2, 1],
  [{ maxUnavailable: 9 }, 4, 3, 0, 3],
  [{ minAvailable: 1 }, 4, 3, 1, 2],
  [{ minAvailable: "60%" }, 4, 3, 3, 0],
  [{}, 0, 3, 0, 0],
] as const) {
  test(`of four pods with one unready, ${JSON.stringify(spec)} allows ${expected[3]} to go`, () => {
    assert.deepEqual(numbersOf(budget(spec)), expected);
  });
}

test("pods of StatefulSets count by its scale", () => {
  const of = [owned(pod("db-0"), statefulSet), owned(pod("db-1"), statefulSet)];
  const { status } = assess(budget({ minAvailable: "50%" }), of, scales(), NOW);
  assert.deepEqual([status.expectedPods, status.desiredHealthy, status.currentHealthy], [6, 3, 2]);
});

test("the condition says whether any may go, and since when", () => {
  const { status } = assess(budget({ minAvailable: 1 }), pods, scales(set), NOW);
  const condition = {
    ...{ type: "DisruptionAllowed", status: "True", reason: "SufficientPods", message: "" },
    ...{ lastTransitionTime: "2026-01-01T00:10:00Z", observedGeneration: 3 },
  };
  assert.deepEqual(status.conditions, [condition]);
  const later = assess(budget({ minAvailable: 1 }, status), pods, scales(set), NOW + 60_000);
  assert.deepEqual(later.status.conditions, [condition]);
});

test("a granted eviction counts as done until its pod goes, or two minutes have passed", () => {
  const granted = { ...{ disruptionsAllowed: 1, currentHealthy: 3, desiredHealthy: 1, expectedPods: 4 } };
  const disruptedPods = {
    a: "2026-01-01T00:09:00Z",
    gone: "2026-01-01T00:09:00Z",
    b: "2026-01-01T00:07:00Z",
  };
  const of = budget({ minAvailable: 1 }, { ...granted, disruptedPods });
  const { status, recheck } = assess(of, pods, scales(set), NOW);
  assert.deepEqual(status.disruptedPods, { a: "2026-01-01T00:09:00Z" });
  assert.deepEqual([status.currentHealthy, recheck], [2, 60_000]);
  const deleted = [owned(pod("a", { metadata: { deletionTimestamp: "x" } }), set), ...pods.slice(1)];
  assert.deepEqual(assess(of, deleted, scales(set), NOW).status.disruptedPods, {});
});

test("a share of pods whose scale is not known allows nothing, and says why", () => {
  const { status, failure } = assess(budget({ maxUnavailable: 1 }), pods, scales(), NOW);
  assert.equal(failure, 'found no controllers for pod "a"');
  const [condition] = status.conditions ?? [];
  assert.deepEqual([condition?.reason, condition?.message], ["SyncFailed", failure]);
  const daemon = { apiVersion: "apps/v1", kind: "DaemonSet", metadata: { name: "web", uid: "u" } };
  assert.equal(
    assess(budget({ maxUnavailable: 1 }), [owned(pod("a"), daemon)], scales(), NOW).failure,
    "daemonsets.apps does not implement the scale subresource",
  );
  const loose = assess(budget({ maxUnavailable: 1 }), [pod("loose"), ...pods], scales(set), NOW);
  assert.deepEqual(
    loose.unmanaged.map(({ metadata }) => metadata.name),
    ["loose"],
  );
});

test("a Deployment's budget follows its pods and its scale", async () => {
  const cluster = await startCluster();
  const nodes = new FakeNodes(cluster.client);
  try {
    await nodes.start("node-1");
    const { client } = cluster;
    await client.create<Namespace>(KINDS.Namespace, { metadata: { name: "shop" } });
    const spec = { selector: SELECTOR, maxUnavailable: 1 };
    const metadata = { name: "web", namespace: "shop" };
    await client.create(KINDS.PodDisruptionBudget, { metadata, spec });
    const template = { ...TEMPLATE, spec: { containers: [{ name: "c", image: "i" }] } };
    await client.create(KINDS.Deployment, { metadata, spec: { replicas: 3, selector: SELECTOR, template } });
    const statusOf = async () =>
      (await client.get<PodDisruptionBudget>(KINDS.PodDisruptionBudget, "web", "shop")).status;
    const full = await eventually(statusOf, (status) => status?.currentHealthy === 3);
    assert.deepEqual([full?.desiredHealthy, full?.disruptionsAllowed, full?.expectedPods], [2, 1, 3]);
    await client.patch<Deployment>(
      KINDS.Deployment,
      "web",
      "shop",
      { spec: { replicas: 2 } },
      { type: "merge" },
    );
    await eventually(statusOf, (status) => status?.expectedPods === 2 && status.disruptionsAllowed === 1);
  } finally {
    await nodes.stop();
    await cluster.close();
  }
});

test("a budget that cannot be counted is told of by an Event", async () => {
  const cluster = await startCluster();
  try {
    const { client } = cluster;
    await client.create<Namespace>(KINDS.Namespace, { metadata: { name: "shop" } });
    const spec = { containers: [{ name: "c", image: "i" }] };
    const labels = { app: "web" };
    await client.create(KINDS.Pod, { metadata: { name: "loose", namespace: "shop", labels }, spec });
    const metadata = { name: "web", namespace: "shop" };
    await client.create(KINDS.PodDisruptionBudget, {
      metadata,
      spec: { selector: SELECTOR, maxUnavailable: 1 },
    });
    const events = () => itemsOf<KubeEvent>(client, KINDS.Event, "shop");
    const told = await eventually(events, (all) => all.some(({ reason }) => reason === "UnmanagedPods"));
    const [event] = told.filter(({ reason }) => reason === "UnmanagedPods");
    assert.equal(event?.involvedObject.kind, "PodDisruptionBudget");
    assert.match(event?.message ?? "", /\{"matchLabels":\{"app":"web"\}\}/);
  } finally {
    await cluster.close();
  }
});
