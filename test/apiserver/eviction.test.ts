import assert from "node:assert/strict";
import { test } from "node:test";
import { newNamespace, useServer } from "./harness.ts";

const held = useServer();
const LABELS = { app: "web" };

interface Budget {
  readonly spec?: object;
  readonly status?: object;
  readonly name?: string;
}

/** A namespace with pods that run, ready or not, and budgets that were counted so. */
async function withPods(pods: Readonly<Record<string, boolean>>, ...budgets: readonly Budget[]) {
  const { client } = held;
  const { name: namespace, core } = await newNamespace(client);
  for (const [name, ready] of Object.entries(pods)) {
    const spec = { containers: [{ name: "c", image: "i" }] };
    await client.post(core("pods"), {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name, labels: LABELS },
      spec,
    });
    const conditions = [{ type: "Ready", status: ready ? "True" : "False" }];
    await client.patch(core(`pods/${name}/status`), { status: { phase: "Running", conditions } });
  }
  const policy = `/apis/policy/v1/namespaces/${namespace}/poddisruptionbudgets`;
  for (const { name = "web", spec = {}, status } of budgets) {
    const budget = { apiVersion: "policy/v1", kind: "PodDisruptionBudget", metadata: { name } };
    const made = await client.post(policy, {
      ...budget,
      spec: { selector: { matchLabels: LABELS }, ...spec },
    });
    assert.equal(made.status, 201, made.text);
    if (status !== undefined) await client.patch(`${policy}/${name}/status`, { status });
  }
  return {
    budget: async () => (await client.get(`${policy}/web`)).body,
    pod: async (name: string) => (await client.get(core(`pods/${name}`))).status,
    evict: (name: string, query = "") =>
      client.post(`${core(`pods/${name}/eviction`)}${query}`, {
        ...{ apiVersion: "policy/v1", kind: "Eviction", metadata: { name } },
      }),
  };
}

const COUNTED = { observedGeneration: 1, expectedPods: 2, currentHealthy: 2, desiredHealthy: 1 };

test("a budget grants as many evictions as it allows, and says why not more", async () => {
  const { evict, pod, budget } = await withPods(
    { a: true, b: true },
    { status: { ...COUNTED, disruptionsAllowed: 1 } },
  );
  assert.equal((await evict("a", "?dryRun=All")).status, 201);
  assert.equal((await budget()).status.disruptionsAllowed, 1);
  assert.equal((await evict("a")).status, 201);
  const { status } = await budget();
  assert.deepEqual([status.disruptionsAllowed, Object.keys(status.disruptedPods)], [0, ["a"]]);
  assert.deepEqual([status.conditions[0].status, status.conditions[0].reason], ["False", "InsufficientPods"]);
  const refused = await evict("b");
  assert.equal(refused.status, 429);
  assert.equal(refused.body.reason, "TooManyRequests");
  assert.equal(refused.body.message, "Cannot evict pod as it would violate the pod's disruption budget.");
  assert.deepEqual(refused.body.details.causes, [
    {
      reason: "DisruptionBudget",
      message: "The disruption budget web needs 1 healthy pods and has 2 currently",
    },
  ]);
  assert.deepEqual([await pod("a"), await pod("b")], [404, 200]);
});

test("a budget that nobody has counted yet grants none, and says when to ask again", async () => {
  const { evict, pod } = await withPods({ a: true }, {});
  const refused = await evict("a");
  assert.equal(refused.status, 429);
  assert.equal(refused.body.details.retryAfterSeconds, 10);
  assert.match(refused.body.details.causes[0].message, /web is still being processed by the server/);
  assert.equal(await pod("a"), 200);
});

test("a pod that is not ready goes where the healthy ones suffice, or where its budget lets such pods go", async () => {
  const short = { ...COUNTED, desiredHealthy: 2, currentHealthy: 1, disruptionsAllowed: 0 };
  const healthy = await withPods({ a: false }, { status: { ...COUNTED, disruptionsAllowed: 0 } });
  assert.equal((await healthy.evict("a")).status, 201);
  assert.equal((await healthy.budget()).status.disruptedPods, undefined);
  assert.equal((await (await withPods({ a: false }, { status: short })).evict("a")).status, 429);
  const free = await withPods(
    { a: false },
    { spec: { unhealthyPodEvictionPolicy: "AlwaysAllow" }, status: short },
  );
  assert.equal((await free.evict("a")).status, 201);
});

test("a pod with two budgets is not evicted; one with another's goes", async () => {
  const status = { ...COUNTED, disruptionsAllowed: 1 };
  const two = await withPods({ a: true }, { status }, { name: "other", status });
  const refused = await two.evict("a");
  assert.equal(refused.status, 500);
  assert.match(refused.body.message, /^This pod has more than one PodDisruptionBudget/);
  const others = await withPods({ a: true }, { spec: { selector: { matchLabels: { app: "db" } } } });
  assert.equal((await others.evict("a")).status, 201);
});
