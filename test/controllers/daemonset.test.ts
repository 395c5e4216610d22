import assert from "node:assert/strict";
import { test } from "node:test";
import { beyondHistory, historyOf } from "../../src/controllers/daemonset/history.ts";
import { nodeOfDaemonPod, planDaemonSet } from "../../src/controllers/daemonset/reconcile.ts";
import type { ControllerRevision } from "../../src/objects/statefulset/types.ts";
import type { DaemonSet, Node, Pod } from "../../src/objects/types.ts";
import { node, NOW, owned } from "./builders.ts";

function daemonSet(
  image: string,
  parts: Partial<DaemonSet["spec"]> = {},
  spec: Partial<Pod["spec"]> = {},
): DaemonSet {
  return {
    apiVersion: "apps/v1",
    kind: "DaemonSet",
    metadata: { name: "agent", namespace: "default", uid: "uid-agent", generation: 1 },
    spec: {
      selector: { matchLabels: { app: "agent" } },
      template: {
        metadata: { labels: { app: "agent" } },
        spec: { containers: [{ name: "c", image }], ...spec },
      },
      ...parts,
    },
  };
}

const NODES = [node("n1"), node("n2"), node("n3")];

/** Pods that are bound and become ready at once, but for those on the given nodes. */
class Cluster {
  pods: Pod[] = [];
  #made = 0;

  sync(
    set: DaemonSet,
    nodes: readonly Node[] = NODES,
    stuck: readonly string[] = [],
  ): { created: number; deleted: number } {
    const plan = planDaemonSet(set, nodes, this.pods, NOW);
    this.pods = this.pods.filter((pod) => !plan.delete.includes(pod));
    for (const made of plan.create) {
      const name = `p${this.#made++}`;
      const nodeName = nodeOfDaemonPod(made as Pod) ?? "";
      const ready = stuck.includes(nodeName) ? "False" : "True";
      const creationTimestamp = new Date(NOW + this.#made).toISOString();
      const metadata = { ...made.metadata, name, uid: name, creationTimestamp };
      const conditions = [{ type: "Ready", status: ready, lastTransitionTime: "2026-01-01T00:00:00Z" }];
      this.pods.push(
        owned(
          {
            apiVersion: "v1",
            kind: "Pod",
            metadata,
            spec: { ...made.spec, nodeName },
            status: { phase: "Running", conditions },
          },
          set,
        ),
      );
    }
    return { created: plan.create.length, deleted: plan.delete.length };
  }

  on(): string[] {
    return this.pods.map((pod) => `${pod.spec.nodeName} ${pod.spec.containers[0]?.image}`).sort();
  }
}

test("each node that matches and whose taints are tolerated has one pod", () => {
  const cluster = new Cluster();
  const tainted = node("n4", { spec: { taints: [{ key: "dedicated", value: "x", effect: "NoSchedule" }] } });
  const cordoned = node("n5", {
    spec: {
      unschedulable: true,
      taints: [{ key: "node.kubernetes.io/unschedulable", effect: "NoSchedule" }],
    },
  });
  cluster.sync(daemonSet("one"), [...NODES, tainted, cordoned]);
  assert.deepEqual(cluster.on(), ["n1 one", "n2 one", "n3 one", "n5 one"]);
  assert.deepEqual(cluster.sync(daemonSet("one"), [...NODES, tainted, cordoned]), { created: 0, deleted: 0 });
  const selecting = daemonSet("one", {}, { nodeSelector: { "kubernetes.io/hostname": "n2" } });
  const few = new Cluster();
  few.sync(selecting);
  assert.deepEqual(few.on(), ["n2 one"]);
});

test("a rolling update replaces one node's pod after the other, and waits for one that does not become available", () => {
  const cluster = new Cluster();
  cluster.sync(daemonSet("one"));
  const next = daemonSet("two");
  assert.deepEqual(cluster.sync(next), { created: 0, deleted: 1 });
  assert.deepEqual(cluster.sync(next, NODES, ["n1", "n2", "n3"]), { created: 1, deleted: 0 });
  assert.deepEqual(cluster.sync(next), { created: 0, deleted: 0 });
  cluster.pods = cluster.pods.map((pod) => ({
    ...pod,
    status: {
      ...pod.status,
      conditions: [{ type: "Ready", status: "True", lastTransitionTime: "2026-01-01T00:00:00Z" }],
    },
  }));
  for (let step = 0; step < 6; step++) {
    assert.ok(cluster.pods.length >= 2);
    cluster.sync(next);
  }
  assert.deepEqual(cluster.on(), ["n1 two", "n2 two", "n3 two"]);
});

test("with a surge the new pod is there before the old one goes; OnDelete leaves old pods alone", () => {
  const updateStrategy = {
    type: "RollingUpdate" as const,
    rollingUpdate: { maxSurge: 1, maxUnavailable: 0 },
  };
  const cluster = new Cluster();
  cluster.sync(daemonSet("one", { updateStrategy }));
  for (let step = 0; step < 12; step++) {
    cluster.sync(daemonSet("two", { updateStrategy }));
    assert.ok(
      new Set(cluster.pods.map(({ spec }) => spec.nodeName)).size === 3,
      "every node is served all the time",
    );
    assert.ok(cluster.pods.length <= 4);
  }
  assert.deepEqual(cluster.on(), ["n1 two", "n2 two", "n3 two"]);
  assert.deepEqual(cluster.sync(daemonSet("three", { updateStrategy: { type: "OnDelete" } })), {
    created: 0,
    deleted: 0,
  });
});

test("the status counts nodes", () => {
  const cluster = new Cluster();
  cluster.sync(daemonSet("one"), NODES, ["n3"]);
  const { status } = planDaemonSet(daemonSet("one"), NODES.slice(1), cluster.pods, NOW);
  assert.deepEqual(status, {
    currentNumberScheduled: 2,
    numberMisscheduled: 1,
    desiredNumberScheduled: 2,
    numberReady: 1,
    observedGeneration: 1,
    updatedNumberScheduled: 2,
    numberAvailable: 1,
    numberUnavailable: 1,
  });
});

test("each template is a revision; one that comes back is numbered anew, as kubectl rollout undo expects", () => {
  const annotated = (image: string, cause: string): DaemonSet => {
    const set = daemonSet(image);
    return { ...set, metadata: { ...set.metadata, annotations: { "kubernetes.io/change-cause": cause } } };
  };
  const first = historyOf(annotated("a:1", "begin"), [], []);
  assert.equal(first.write, "create");
  assert.equal(first.current.revision, 1);
  assert.equal(first.current.metadata.name, `agent-${first.hash}`);
  assert.deepEqual(first.current.metadata.labels, { app: "agent", "controller-revision-hash": first.hash });
  assert.deepEqual(first.current.metadata.annotations, { "kubernetes.io/change-cause": "begin" });
  assert.equal(first.current.data?.spec?.template?.$patch, "replace");
  const second = historyOf(annotated("a:2", "next"), [first.current], [first.current]);
  assert.equal(second.current.revision, 2);
  const both = [first.current, second.current];
  const back = historyOf(annotated("a:1", "begin"), both, both);
  assert.equal(back.write, "renumber");
  assert.deepEqual([back.current.metadata.name, back.current.revision], [first.current.metadata.name, 3]);
  assert.equal(historyOf(annotated("a:2", "next"), both, both).write, undefined);
});

test("a revision's name that another owner has is left to it; pods are told apart by the name that is free", () => {
  const set = daemonSet("a:1");
  const first = historyOf(set, [], []);
  const other = historyOf(set, [], [first.current]);
  assert.notEqual(other.hash, first.hash);
  assert.equal(other.collisionCount, 1);
  const [made] = planDaemonSet(set, NODES, [], NOW, other.hash).create;
  assert.equal(made?.metadata.labels?.["controller-revision-hash"], other.hash);
});

test("of old revisions those beyond the limit go, but for those that pods are made from", () => {
  let revisions: ControllerRevision[] = [];
  for (const image of ["a:1", "a:2", "a:3", "a:4"]) {
    const { current } = historyOf(daemonSet(image), revisions, revisions);
    revisions = [...revisions, current];
  }
  const set = daemonSet("a:4", { revisionHistoryLimit: 1 });
  const history = historyOf(set, revisions, revisions);
  const names = (pods: readonly Pod[]) => beyondHistory(set, history, pods).map(({ revision }) => revision);
  assert.deepEqual(names([]), [1, 2]);
  const labels = revisions[0]?.metadata.labels ?? {};
  const pod = { metadata: { name: "p", labels } } as unknown as Pod;
  assert.deepEqual(names([pod]), [2, 3]);
});
