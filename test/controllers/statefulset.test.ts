import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { planStatefulSet } from "../../src/controllers/statefulset/reconcile.ts";
import { beyondHistory, revisionsOf } from "../../src/controllers/statefulset/revisions.ts";
import { KINDS } from "../../src/objects/kinds.ts";
import type { ControllerRevision, StatefulSet } from "../../src/objects/statefulset/types.ts";
import type { AnyObject, KubeEvent, Namespace, Pod } from "../../src/objects/types.ts";
import { NOW } from "./builders.ts";
import { eventually, FakeNodes, itemsOf, startCluster } from "./cluster.ts";

function statefulSet(replicas: number, parts: Partial<StatefulSet["spec"]> = {}): StatefulSet {
  return {
    apiVersion: "apps/v1",
    kind: "StatefulSet",
    metadata: { name: "web", namespace: "default", uid: "uid-web", generation: 1 },
    spec: {
      replicas,
      serviceName: "svc",
      selector: { matchLabels: { app: "web" } },
      template: template("one"),
      podManagementPolicy: "OrderedReady",
      updateStrategy: { type: "RollingUpdate", rollingUpdate: { partition: 0, maxUnavailable: 1 } },
      revisionHistoryLimit: 2,
      ...parts,
    },
  };
}

function template(image: string): StatefulSet["spec"]["template"] {
  return { metadata: { labels: { app: "web" } }, spec: { containers: [{ name: "c", image }] } };
}

/** A cluster in which a StatefulSet's syncs are carried out, and pods become ready and go when told to. */
class Cluster {
  readonly pods = new Map<string, Pod>();
  revisions: ControllerRevision[] = [];
  readonly said: string[] = [];

  /** One sync; says whether it changed something. */
  sync(set: StatefulSet): boolean {
    const known = revisionsOf(set, this.revisions, this.revisions);
    const others = this.revisions.filter(({ metadata }) => metadata.name !== known.update.metadata.name);
    this.revisions = [...others, known.update];
    const plan = planStatefulSet(set, known, [...this.pods.values()], NOW);
    const changed = plan.create.length + plan.delete.length > 0 || !same(set.status, plan.status);
    set.status = plan.status;
    for (const draft of plan.create) {
      const { name } = draft.metadata;
      assert.ok(!this.pods.has(name), `${name} is made twice`);
      this.said.push(`+${name}`);
      this.pods.set(name, { ...draft, apiVersion: "v1", kind: "Pod", status: { phase: "Pending" } } as Pod);
    }
    for (const { metadata } of plan.delete) {
      this.said.push(`-${metadata.name}`);
      metadata.deletionTimestamp = "2026-01-01T00:10:00Z";
    }
    const old = new Set(beyondHistory(set, this.revisions, known, [...this.pods.values()]));
    this.revisions = this.revisions.filter((revision) => !old.has(revision));
    return changed;
  }

  ready(name: string, status = "True"): void {
    const lastTransitionTime = "2026-01-01T00:09:00Z";
    const conditions = [{ type: "Ready", status, lastTransitionTime }];
    this.pods.get(name)!.status = { phase: "Running", conditions };
  }

  /** All pods do what they are to do: those being deleted go, the others become ready, but for some. */
  work(broken: (pod: Pod) => boolean = () => false): void {
    for (const [name, pod] of this.pods) {
      if (pod.metadata.deletionTimestamp !== undefined) this.pods.delete(name);
      else if (!broken(pod)) this.ready(name);
    }
  }

  settle(set: StatefulSet, broken?: (pod: Pod) => boolean): string[] {
    for (let turn = 0; turn < 200; turn++) {
      const changed = this.sync(set);
      this.work(broken);
      if (!changed && !this.sync(set)) return this.said.splice(0);
    }
    assert.fail("it never settles");
  }

  images(): Record<string, string | undefined> {
    return Object.fromEntries(
      [...this.pods].sort().map(([name, { spec }]) => [name, spec.containers[0]?.image]),
    );
  }
}

function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

test("OrderedReady makes one pod after the other, and takes them away the other way round", () => {
  const cluster = new Cluster();
  const set = statefulSet(3);
  cluster.sync(set);
  cluster.sync(set);
  assert.deepEqual(cluster.said, ["+web-0"], "the second waits for the first to be ready");
  assert.deepEqual(cluster.settle(set), ["+web-0", "+web-1", "+web-2"]);
  set.spec.replicas = 1;
  cluster.sync(set);
  cluster.sync(set);
  assert.deepEqual(cluster.said, ["-web-2"], "the next waits for the highest to be gone");
  assert.deepEqual(cluster.settle(set), ["-web-2", "-web-1"]);
  assert.deepEqual([set.status?.replicas, set.status?.readyReplicas, set.status?.currentReplicas], [1, 1, 1]);
});

test("Parallel makes and takes away all at once", () => {
  const cluster = new Cluster();
  const set = statefulSet(3, { podManagementPolicy: "Parallel" });
  cluster.sync(set);
  assert.deepEqual(cluster.said.splice(0), ["+web-0", "+web-1", "+web-2"]);
  cluster.settle(set);
  set.spec.replicas = 0;
  cluster.sync(set);
  assert.deepEqual(cluster.said, ["-web-2", "-web-1", "-web-0"]);
});

test("ordinals begin where they are told to; moving the start moves the pods", () => {
  const cluster = new Cluster();
  const set = statefulSet(2, { ordinals: { start: 5 } });
  assert.deepEqual(cluster.settle(set), ["+web-5", "+web-6"]);
  set.spec.ordinals = { start: 6 };
  assert.deepEqual(cluster.settle(set), ["+web-7", "-web-5"]);
});

test("a pod has the name, labels, hostname and subdomain of its number, and its revision", () => {
  const cluster = new Cluster();
  const set = statefulSet(1, { ordinals: { start: 3 } });
  cluster.settle(set);
  const { metadata, spec } = cluster.pods.get("web-3")!;
  assert.deepEqual(metadata.labels, {
    app: "web",
    "statefulset.kubernetes.io/pod-name": "web-3",
    "apps.kubernetes.io/pod-index": "3",
    "controller-revision-hash": set.status?.updateRevision,
  });
  assert.deepEqual([spec.hostname, spec.subdomain], ["web-3", "svc"]);
  assert.deepEqual(
    metadata.ownerReferences?.map(({ kind, name, controller }) => [kind, name, controller]),
    [["StatefulSet", "web", true]],
  );
});

test("a pod that lacks labels of its identity gets them", () => {
  const cluster = new Cluster();
  const set = statefulSet(1);
  cluster.settle(set);
  const pod = cluster.pods.get("web-0")!;
  delete pod.metadata.labels?.["apps.kubernetes.io/pod-index"];
  const known = revisionsOf(set, cluster.revisions, cluster.revisions);
  const { relabel } = planStatefulSet(set, known, [pod], NOW);
  assert.deepEqual(
    relabel.map(({ patch }) => (patch as Pod).metadata.labels),
    [{ "statefulset.kubernetes.io/pod-name": "web-0", "apps.kubernetes.io/pod-index": "0" }],
  );
});

test("a rolling update replaces pods from the highest number on, one after the other", () => {
  const cluster = new Cluster();
  const set = statefulSet(3);
  cluster.settle(set);
  const before = set.status?.currentRevision;
  set.spec.template = template("two");
  cluster.sync(set);
  assert.notEqual(set.status?.updateRevision, before);
  assert.equal(set.status?.currentRevision, before, "until all pods are new");
  assert.deepEqual(cluster.settle(set), ["-web-2", "+web-2", "-web-1", "+web-1", "-web-0", "+web-0"]);
  assert.equal(set.status?.currentRevision, set.status?.updateRevision);
  assert.deepEqual(cluster.images(), { "web-0": "two", "web-1": "two", "web-2": "two" });
});

test("a partition keeps the pods below it at their revision, also when one is made anew", () => {
  const cluster = new Cluster();
  const set = statefulSet(3);
  cluster.settle(set);
  set.spec.template = template("two");
  set.spec.updateStrategy = { type: "RollingUpdate", rollingUpdate: { partition: 2 } };
  cluster.settle(set);
  assert.deepEqual(cluster.images(), { "web-0": "one", "web-1": "one", "web-2": "two" });
  cluster.pods.delete("web-0");
  assert.deepEqual(cluster.settle(set), ["+web-0"]);
  assert.equal(cluster.images()["web-0"], "one");
  assert.deepEqual([set.status?.currentReplicas, set.status?.updatedReplicas], [2, 1]);
  set.spec.updateStrategy = { type: "RollingUpdate", rollingUpdate: { partition: 0 } };
  cluster.settle(set);
  assert.deepEqual(cluster.images(), { "web-0": "two", "web-1": "two", "web-2": "two" });
});

test("a partition counts from the first number on", () => {
  const cluster = new Cluster();
  const set = statefulSet(2, { ordinals: { start: 5 } });
  cluster.settle(set);
  set.spec.template = template("two");
  set.spec.updateStrategy = { type: "RollingUpdate", rollingUpdate: { partition: 1 } };
  cluster.settle(set);
  cluster.pods.delete("web-5");
  cluster.settle(set);
  assert.deepEqual(cluster.images(), { "web-5": "one", "web-6": "two" });
});

test("scaling down takes away a pod that never became ready, and waits for another one that did not", () => {
  const cluster = new Cluster();
  const set = statefulSet(4);
  cluster.settle(set);
  cluster.ready("web-3", "False");
  set.spec.replicas = 2;
  cluster.sync(set);
  assert.deepEqual(cluster.said.splice(0), ["-web-3"]);
  cluster.pods.delete("web-3");
  set.spec.replicas = 1;
  cluster.ready("web-1", "False");
  cluster.sync(set);
  assert.deepEqual(cluster.said, ["-web-2"], "it is available, whatever the one below it is");
});

test("OnDelete replaces what somebody deletes, and nothing else", () => {
  const cluster = new Cluster();
  const set = statefulSet(2, { updateStrategy: { type: "OnDelete" } });
  cluster.settle(set);
  set.spec.template = template("two");
  assert.deepEqual(cluster.settle(set), []);
  cluster.pods.delete("web-0");
  cluster.settle(set);
  assert.deepEqual(cluster.images(), { "web-0": "two", "web-1": "one" });
});

test("maxUnavailable lets a parallel set replace several pods at once", () => {
  const cluster = new Cluster();
  const set = statefulSet(4, { podManagementPolicy: "Parallel" });
  cluster.settle(set);
  set.spec.template = template("two");
  set.spec.updateStrategy = { type: "RollingUpdate", rollingUpdate: { partition: 0, maxUnavailable: "50%" } };
  cluster.sync(set);
  cluster.sync(set);
  assert.deepEqual(cluster.said.splice(0), ["-web-3", "-web-2"]);
});

test("an update stops at a pod that does not become ready; a parallel set goes on with the next revision", () => {
  const isBroken = (pod: Pod): boolean => pod.spec.containers[0]?.image === "broken";
  for (const [podManagementPolicy, healed] of [
    ["OrderedReady", { "web-0": "one", "web-1": "one", "web-2": "broken" }],
    ["Parallel", { "web-0": "two", "web-1": "two", "web-2": "two" }],
  ] as const) {
    const cluster = new Cluster();
    const set = statefulSet(3, { podManagementPolicy });
    cluster.settle(set);
    set.spec.template = template("broken");
    cluster.settle(set, isBroken);
    assert.deepEqual(cluster.images(), { "web-0": "one", "web-1": "one", "web-2": "broken" });
    set.spec.template = template("two");
    cluster.settle(set, isBroken);
    assert.deepEqual(cluster.images(), healed, podManagementPolicy);
  }
});

test("a pod that has ended is replaced", () => {
  const cluster = new Cluster();
  const set = statefulSet(2);
  cluster.settle(set);
  cluster.pods.get("web-0")!.status = { phase: "Failed" };
  cluster.sync(set);
  assert.deepEqual(cluster.said.splice(0), ["-web-0"]);
  assert.deepEqual(cluster.settle(set), ["+web-0"]);
});

test("with minReadySeconds a pod counts as available later, and the next one waits for that", () => {
  const cluster = new Cluster();
  const set = statefulSet(2, { minReadySeconds: 90 });
  cluster.sync(set);
  cluster.ready("web-0");
  const known = revisionsOf(set, cluster.revisions, cluster.revisions);
  const plan = planStatefulSet(set, known, [...cluster.pods.values()], NOW);
  assert.deepEqual([plan.create, plan.recheck], [[], 30_000]);
  assert.deepEqual([plan.status.readyReplicas, plan.status.availableReplicas], [1, 0]);
  const later = planStatefulSet(set, known, [...cluster.pods.values()], NOW + 30_000);
  assert.deepEqual(
    later.create.map(({ metadata }) => metadata.name),
    ["web-1"],
  );
});

test("a set that is being deleted leaves its pods to the garbage collector", () => {
  const cluster = new Cluster();
  const set = statefulSet(1);
  cluster.settle(set);
  set.metadata.deletionTimestamp = "2026-01-01T00:10:00Z";
  set.spec.replicas = 3;
  assert.deepEqual(cluster.settle(set), []);
});

test("a template that comes back is its old revision with a new number; the history has an end", () => {
  const cluster = new Cluster();
  const set = statefulSet(1);
  for (const image of ["one", "two", "three", "four", "five"]) {
    set.spec.template = template(image);
    cluster.settle(set);
  }
  assert.deepEqual(
    cluster.revisions.map(({ revision }) => revision),
    [3, 4, 5],
  );
  const names = cluster.revisions.map(({ metadata }) => metadata.name);
  set.spec.template = template("three");
  cluster.settle(set);
  assert.equal(set.status?.updateRevision, names[0]);
  assert.deepEqual(cluster.revisions.map(({ revision }) => revision).sort(), [4, 5, 6]);
});

test("a name that another set's revision has is not taken", () => {
  const set = statefulSet(1);
  const { update: first } = revisionsOf(set, [], []);
  const { update, collisionCount } = revisionsOf(set, [], [first]);
  assert.notEqual(update.metadata.name, first.metadata.name);
  assert.equal(collisionCount, 1);
});

test("whatever is changed, an ordered set has never two pods in the making, and settles as it is wanted", () => {
  const change = fc.record({
    replicas: fc.integer({ min: 0, max: 4 }),
    start: fc.integer({ min: 0, max: 2 }),
    image: fc.constantFrom("one", "two", "three"),
    partition: fc.integer({ min: 0, max: 4 }),
    syncs: fc.integer({ min: 1, max: 5 }),
  });
  fc.assert(
    fc.property(fc.array(change, { minLength: 1, maxLength: 4 }), (changes) => {
      const cluster = new Cluster();
      const set = statefulSet(1);
      for (const { replicas, start, image, partition, syncs } of changes) {
        const updateStrategy = { type: "RollingUpdate", rollingUpdate: { partition } };
        Object.assign(set.spec, { replicas, ordinals: { start }, template: template(image), updateStrategy });
        for (let turn = 0; turn < syncs; turn++) {
          cluster.sync(set);
          const unready = [...cluster.pods.values()].filter(({ status }) => status?.phase !== "Running");
          assert.ok(unready.length <= 1);
          cluster.work();
        }
      }
      set.spec.updateStrategy = { type: "RollingUpdate", rollingUpdate: { partition: 0 } };
      cluster.settle(set);
      const { replicas = 1, ordinals } = set.spec;
      const wanted = Array.from({ length: replicas }, (_, index) => `web-${index + (ordinals?.start ?? 0)}`);
      assert.deepEqual([...cluster.pods.keys()].sort(), wanted.sort());
      for (const image of Object.values(cluster.images())) {
        assert.equal(image, set.spec.template.spec.containers[0]?.image);
      }
    }),
  );
});

test("in a cluster, a StatefulSet is rolled out, rolled over, scaled and deleted with its pods", async () => {
  const cluster = await startCluster(undefined, { clusterCidrs: ["10.244.0.0/16", "fd00:10:244::/56"] });
  const nodes = new FakeNodes(cluster.client);
  const { client } = cluster;
  try {
    await nodes.start("node-1");
    const namespace = "sts";
    await client.create<Namespace>(KINDS.Namespace, { metadata: { name: namespace } });
    const { spec } = statefulSet(2);
    const metadata = { name: "web", namespace };
    const service = { selector: { app: "web" }, clusterIP: "None", ipFamilyPolicy: "PreferDualStack" };
    await client.create(KINDS.Service, { metadata: { name: "svc", namespace }, spec: service } as never);
    await client.create<StatefulSet>(KINDS.StatefulSet, { metadata, spec } as never);
    const updated = (replicas: number, generation: number): Promise<StatefulSet> =>
      eventually(
        () => client.get<StatefulSet>(KINDS.StatefulSet, "web", namespace),
        ({ status }) =>
          (status?.observedGeneration ?? 0) >= generation &&
          status?.availableReplicas === replicas &&
          status.updatedReplicas === replicas &&
          status.currentRevision === status.updateRevision,
      );
    const first = await updated(2, 1);
    const slices = await eventually(
      () => itemsOf<AnyObject>(client, KINDS.EndpointSlice, namespace),
      (all) => all.length === 2 && all.every((slice) => slice["endpoints"]?.length === 2),
    );
    for (const slice of slices) {
      const names = (slice["endpoints"] as { hostname: string }[]).map(({ hostname }) => hostname);
      assert.deepEqual(names.sort(), ["web-0", "web-1"], slice["addressType"]);
    }
    const change = { spec: { template: { spec: { containers: [{ name: "c", image: "two" }] } } } };
    await client.patch(KINDS.StatefulSet, "web", namespace, change, { type: "strategic" });
    const second = await updated(2, 2);
    assert.notEqual(second.status?.updateRevision, first.status?.updateRevision);
    const revisions = await itemsOf<ControllerRevision>(client, KINDS.ControllerRevision, namespace);
    assert.deepEqual(revisions.map(({ revision }) => revision).sort(), [1, 2]);
    await client.patch(KINDS.StatefulSet, "web", namespace, { spec: { replicas: 1 } }, { type: "merge" });
    await updated(1, 3);
    const pods = await itemsOf<Pod>(client, KINDS.Pod, namespace);
    assert.deepEqual(
      pods.map(({ metadata: { name } }) => name),
      ["web-0"],
    );
    await client.delete(KINDS.StatefulSet, "web", namespace);
    await eventually(
      async () => [
        await itemsOf(client, KINDS.Pod, namespace),
        await itemsOf(client, KINDS.ControllerRevision, namespace),
      ],
      (left) => left.flat().length === 0,
    );
  } finally {
    await nodes.stop();
    await cluster.close();
  }
});

test("a StatefulSet with volumeClaimTemplates is taken; that its pods cannot be made is told by an Event", async () => {
  const { client, close } = await startCluster();
  try {
    const claim = { metadata: { name: "data" }, spec: { accessModes: ["ReadWriteOnce"] } };
    const { spec } = statefulSet(1, { volumeClaimTemplates: [claim as unknown as AnyObject] });
    spec.template.spec.containers[0]!.volumeMounts = [{ name: "data", mountPath: "/data" }];
    await client.create<StatefulSet>(KINDS.StatefulSet, {
      metadata: { name: "web", namespace: "default" },
      spec,
    } as never);
    const [event] = await eventually(
      async () =>
        (await itemsOf<KubeEvent>(client, KINDS.Event, "default")).filter(
          ({ involvedObject }) => involvedObject.kind === "StatefulSet",
        ),
      (events) => events.length > 0,
    );
    assert.equal(event?.reason, "FailedCreate");
    assert.match(
      event?.message ?? "",
      /^create Claim data-web-0 Pod web-0 in StatefulSet web failed error: this cluster has no PersistentVolumeClaims/,
    );
    assert.deepEqual(await itemsOf(client, KINDS.Pod, "default"), []);
  } finally {
    await close();
  }
});
