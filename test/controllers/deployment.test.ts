import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { planDeployment } from "../../src/controllers/deployment/reconcile.ts";
import { fencesOf, replicasOf } from "../../src/controllers/deployment/replica-sets.ts";
import { deploymentStatus } from "../../src/controllers/deployment/status.ts";
import type { Condition, Deployment, ReplicaSet } from "../../src/objects/types.ts";
import { NOW } from "./builders.ts";

function deployment(replicas: number, parts: Partial<Deployment["spec"]> = {}): Deployment {
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: "web", namespace: "default", uid: "uid-web", generation: 1 },
    spec: {
      replicas,
      selector: { matchLabels: { app: "web" } },
      template: template("one"),
      progressDeadlineSeconds: 600,
      ...parts,
    },
  };
}

function template(image: string): Deployment["spec"]["template"] {
  return { metadata: { labels: { app: "web" } }, spec: { containers: [{ name: "c", image }] } };
}

/** A cluster in which ReplicaSets do their work when told to, and pods become available when told to. */
class Cluster {
  sets: ReplicaSet[] = [];
  #made = 0;

  /** One sync; says whether it changed something. */
  sync(of: Deployment): boolean {
    const before = JSON.stringify(this.sets);
    const plan = planDeployment(of, this.sets, []);
    if (plan.create !== undefined) {
      const creationTimestamp = new Date(NOW + 1000 * this.#made++).toISOString();
      this.sets.push({
        ...plan.create,
        metadata: { ...plan.create.metadata, uid: `uid-${this.#made}`, generation: 1, creationTimestamp },
      });
    }
    if (plan.update !== undefined) this.#replace(plan.update);
    for (const { set, replicas } of plan.scale) {
      const annotations = {
        ...set.metadata.annotations,
        "deployment.kubernetes.io/desired-replicas": String(replicasOf(of)),
        "deployment.kubernetes.io/max-replicas": String(replicasOf(of) + fencesOf(of).maxSurge),
      };
      this.#replace({ ...set, metadata: { ...set.metadata, annotations }, spec: { ...set.spec, replicas } });
    }
    this.sets = this.sets.filter(
      (set) => !plan.delete.some(({ metadata }) => metadata.name === set.metadata.name),
    );
    return JSON.stringify(this.sets) !== before;
  }

  #replace(set: ReplicaSet): void {
    this.sets = this.sets.map((other) => (other.metadata.name === set.metadata.name ? set : other));
  }

  /** ReplicaSets follow their size; at most so many pods become available. */
  work(available: number): void {
    this.sets = this.sets.map((set) => {
      const wanted = replicasOf(set);
      const now = Math.min(wanted, (set.status?.availableReplicas ?? 0) + available);
      return {
        ...set,
        status: {
          replicas: wanted,
          readyReplicas: now,
          availableReplicas: now,
          observedGeneration: set.metadata.generation ?? 0,
        },
      };
    });
  }

  get available(): number {
    return this.sets.reduce((sum, { status }) => sum + (status?.availableReplicas ?? 0), 0);
  }

  get wanted(): number {
    return this.sets.reduce((sum, set) => sum + replicasOf(set), 0);
  }

  settle(of: Deployment): void {
    for (let round = 0; round < 50; round++) {
      this.work(100);
      if (!this.sync(of)) return;
    }
    assert.fail("the Deployment does not come to rest");
  }
}

test("bounds of a rolling update round the surge up and the lack down, and never both to nothing", () => {
  assert.deepEqual(fencesOf(deployment(3)), { maxSurge: 1, maxUnavailable: 0 });
  assert.deepEqual(fencesOf(deployment(10)), { maxSurge: 3, maxUnavailable: 2 });
  const strategy = { rollingUpdate: { maxSurge: 0, maxUnavailable: "10%" } };
  assert.deepEqual(fencesOf(deployment(3, { strategy })), { maxSurge: 0, maxUnavailable: 1 });
});

test("a rollout keeps its bounds at every step, and ends with the new template alone", () => {
  const count = fc.oneof(
    fc.integer({ min: 0, max: 6 }),
    fc.integer({ min: 0, max: 100 }).map((percent) => `${percent}%`),
  );
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 12 }),
      count,
      count,
      fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 40 }),
      (replicas, maxSurge, maxUnavailable, progress) => {
        const strategy = { type: "RollingUpdate" as const, rollingUpdate: { maxSurge, maxUnavailable } };
        const cluster = new Cluster();
        cluster.settle(deployment(replicas, { strategy }));
        assert.deepEqual([cluster.wanted, cluster.available], [replicas, replicas]);
        const next = deployment(replicas, { strategy, template: template("two") });
        const fences = fencesOf(next);
        for (const step of progress) {
          cluster.sync(next);
          assert.ok(cluster.wanted <= replicas + fences.maxSurge, `${cluster.wanted} pods wanted`);
          cluster.work(step);
          assert.ok(
            cluster.available >= replicas - fences.maxUnavailable,
            `${cluster.available} pods available`,
          );
        }
        cluster.settle(next);
        const sizes = cluster.sets.map((set) => [
          set.spec.template.spec.containers[0]?.image,
          replicasOf(set),
        ]);
        assert.deepEqual(sizes, [
          ["one", 0],
          ["two", replicas],
        ]);
      },
    ),
  );
});

test("a change of size in the middle of a rollout is shared out", () => {
  const cluster = new Cluster();
  const strategy = { rollingUpdate: { maxSurge: 2, maxUnavailable: 0 } };
  cluster.settle(deployment(10, { strategy }));
  const next = deployment(10, { strategy, template: template("two") });
  cluster.sync(next);
  cluster.work(100);
  for (let step = 0; step < 4; step++) {
    cluster.sync(next);
    cluster.work(step === 3 ? 0 : 100);
  }
  const before = cluster.sets.map(replicasOf);
  cluster.sync({ ...next, spec: { ...next.spec, replicas: 20 } });
  const after = cluster.sets.map(replicasOf);
  assert.equal(
    after.reduce((a, b) => a + b),
    22,
  );
  for (const [index, size] of before.entries()) assert.ok(after[index]! > size, `${before} became ${after}`);
  cluster.work(100);
  cluster.settle({ ...next, spec: { ...next.spec, replicas: 20 } });
  assert.deepEqual(cluster.sets.map(replicasOf), [0, 20]);
});

test("revisions count up; going back to an old template takes its ReplicaSet again, with its history", () => {
  const cluster = new Cluster();
  cluster.settle(deployment(2));
  cluster.settle(deployment(2, { template: template("two") }));
  cluster.settle(deployment(2));
  assert.equal(cluster.sets.length, 2);
  const [first, second] = cluster.sets.map(({ metadata }) => metadata.annotations ?? {});
  assert.equal(first?.["deployment.kubernetes.io/revision"], "3");
  assert.equal(first?.["deployment.kubernetes.io/revision-history"], "1");
  assert.equal(second?.["deployment.kubernetes.io/revision"], "2");
});

test("ReplicaSets beyond the history go, the oldest first", () => {
  const cluster = new Cluster();
  for (const image of ["a", "b", "c", "d"])
    cluster.settle(deployment(1, { template: template(image), revisionHistoryLimit: 2 }));
  assert.deepEqual(
    cluster.sets.map((set) => set.spec.template.spec.containers[0]?.image),
    ["b", "c", "d"],
  );
});

test("Recreate ends the old pods before it starts new ones; paused Deployments only follow their size", () => {
  const cluster = new Cluster();
  const strategy = { type: "Recreate" as const };
  cluster.settle(deployment(3, { strategy }));
  const next = deployment(3, { strategy, template: template("two") });
  cluster.sync(next);
  assert.deepEqual(cluster.sets.map(replicasOf), [0]);
  const pods = [
    {
      apiVersion: "v1",
      kind: "Pod",
      metadata: {
        name: "p",
        ownerReferences: [
          { apiVersion: "apps/v1", kind: "ReplicaSet", name: "x", uid: "uid-1", controller: true },
        ],
      },
      spec: { containers: [] },
    },
  ];
  assert.equal(planDeployment(next, cluster.sets, pods).create, undefined);
  cluster.settle(next);
  assert.deepEqual(cluster.sets.map(replicasOf), [0, 3]);
  const paused = deployment(5, { strategy, template: template("three"), paused: true });
  cluster.settle(paused);
  assert.deepEqual(cluster.sets.map(replicasOf), [0, 5]);
});

function conditionsAfter(of: Deployment, cluster: Cluster, now = NOW): Condition[] {
  const { newSet, oldSets } = planDeployment(of, cluster.sets, []);
  return deploymentStatus(of, newSet, oldSets, now).status.conditions ?? [];
}

test("the status tells progress, completion, and a deadline that has passed", () => {
  const cluster = new Cluster();
  const of = deployment(2);
  cluster.sync(of);
  const reasons = (conditions: readonly Condition[]) =>
    conditions.map(({ reason, status }) => `${reason} ${status}`);
  const started = conditionsAfter(of, cluster);
  assert.deepEqual(reasons(started), ["MinimumReplicasUnavailable False", "FoundNewReplicaSet True"]);
  const waiting = { ...of, status: { conditions: started } };
  const { recheck } = deploymentStatus(waiting, cluster.sets[0], [], NOW + 1000);
  assert.equal(recheck, 600_000);
  assert.deepEqual(reasons(conditionsAfter(waiting, cluster, NOW + 600_000)), [
    "MinimumReplicasUnavailable False",
    "ProgressDeadlineExceeded False",
  ]);
  cluster.work(1);
  assert.deepEqual(reasons(conditionsAfter(waiting, cluster)), [
    "MinimumReplicasUnavailable False",
    "ReplicaSetUpdated True",
  ]);
  cluster.work(1);
  const done = conditionsAfter(waiting, cluster);
  assert.deepEqual(reasons(done), ["MinimumReplicasAvailable True", "NewReplicaSetAvailable True"]);
  assert.match(done[1]?.message ?? "", /^ReplicaSet "web-[a-z0-9]+" has successfully progressed\.$/);
});

test("while new pods are not available, broken old ones are not swept away beyond the bounds", () => {
  const cluster = new Cluster();
  const strategy = { rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } };
  cluster.settle(deployment(3, { strategy }));
  const next = deployment(3, { strategy, template: template("two") });
  cluster.sync(next);
  cluster.work(0);
  const [old] = cluster.sets;
  cluster.sets[0] = { ...old!, status: { ...old!.status!, readyReplicas: 2, availableReplicas: 2 } };
  assert.equal(cluster.sync(next), false);
  assert.deepEqual(cluster.sets.map(replicasOf), [3, 1]);
});
