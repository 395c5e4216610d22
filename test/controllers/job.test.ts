import assert from "node:assert/strict";
import { test } from "node:test";
import { formatIndexes, parseIndexes } from "../../src/controllers/job/indexes.ts";
import { type JobPlan, planJob } from "../../src/controllers/job/reconcile.ts";
import { KINDS } from "../../src/objects/kinds.ts";
import { hasCondition } from "../../src/objects/conditions.ts";
import type { Job } from "../../src/objects/job/types.ts";
import type { Namespace, Pod } from "../../src/objects/types.ts";
import { NOW } from "./builders.ts";
import { eventually, FakeNodes, itemsOf, startCluster } from "./cluster.ts";

const TRACKING = "batch.kubernetes.io/job-tracking";

function job(parts: Partial<Job["spec"]> = {}): Job {
  const labels = { "batch.kubernetes.io/controller-uid": "uid-pi", "batch.kubernetes.io/job-name": "pi" };
  return {
    apiVersion: "batch/v1",
    kind: "Job",
    metadata: { name: "pi", namespace: "default", uid: "uid-pi", generation: 1 },
    spec: {
      parallelism: 1,
      completions: 1,
      backoffLimit: 6,
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { restartPolicy: "Never", containers: [{ name: "c" }] } },
      ...parts,
    },
  };
}

/** A cluster in which a Job's syncs are carried out, and pods end when told to. */
class Cluster {
  readonly pods = new Map<string, Pod>();
  readonly said: string[] = [];
  readonly events: string[] = [];
  now = NOW;
  /** Deletions wait for the pod to end. */
  slow = false;
  #made = 0;

  sync(of: Job): JobPlan {
    const plan = planJob(of, [...this.pods.values()], this.now);
    of.status = plan.status;
    for (const pod of plan.release) this.#untrack(pod);
    for (const { metadata, spec } of plan.create) {
      const name = `${metadata.generateName}${this.#made++}`;
      const uid = `uid-${name}`;
      this.said.push(`+${name}`);
      const created = { ...metadata, name, uid, creationTimestamp: new Date(this.now).toISOString() };
      this.pods.set(name, {
        apiVersion: "v1",
        kind: "Pod",
        metadata: created,
        spec,
        status: { phase: "Running" },
      });
    }
    for (const pod of plan.remove) {
      this.#untrack(pod);
      this.#delete(pod);
    }
    for (const pod of plan.fail) this.#delete(pod);
    for (const [, reason] of plan.events) this.events.push(reason);
    return plan;
  }

  #untrack({ metadata }: Pod): void {
    metadata.finalizers = (metadata.finalizers ?? []).filter((name) => name !== TRACKING);
    if (metadata.deletionTimestamp !== undefined && metadata.finalizers.length === 0 && !this.slow) {
      this.pods.delete(metadata.name);
    }
  }

  #delete({ metadata }: Pod): void {
    this.said.push(`-${metadata.name}`);
    metadata.deletionTimestamp = new Date(this.now).toISOString();
    if (metadata.finalizers?.length === 0 && !this.slow) this.pods.delete(metadata.name);
  }

  end(name: string, phase: "Succeeded" | "Failed"): void {
    const pod = this.pods.get(name)!;
    const finishedAt = new Date(this.now).toISOString();
    const terminated = { exitCode: phase === "Failed" ? 1 : 0, finishedAt };
    const status = {
      name: "c",
      image: "",
      imageID: "",
      ready: false,
      restartCount: 0,
      state: { terminated },
    };
    pod.status = { phase, containerStatuses: [status] };
  }

  /** Syncs until nothing changes. */
  settle(of: Job): string[] {
    for (let turn = 0; turn < 50; turn++) {
      const before = JSON.stringify([of.status, [...this.pods.values()]]);
      this.sync(of);
      if (JSON.stringify([of.status, [...this.pods.values()]]) === before) return this.said.splice(0);
    }
    assert.fail("it never settles");
  }
}

function conditionsOf({ status }: Job): string[] {
  return (status?.conditions ?? []).map((item) => `${item.type}=${item.status} ${item.reason}`);
}

test("a Job is complete when its pod has ended well, and the pod is let go once it is counted", () => {
  const cluster = new Cluster();
  const of = job();
  assert.deepEqual(cluster.settle(of), ["+pi-0"]);
  assert.deepEqual([of.status?.active, of.status?.startTime], [1, "2026-01-01T00:10:00Z"]);
  cluster.end("pi-0", "Succeeded");
  cluster.sync(of);
  assert.deepEqual(of.status?.uncountedTerminatedPods, { succeeded: ["uid-pi-0"] });
  assert.deepEqual(conditionsOf(of), ["SuccessCriteriaMet=True CompletionsReached"]);
  cluster.settle(of);
  assert.deepEqual(conditionsOf(of), [
    "SuccessCriteriaMet=True CompletionsReached",
    "Complete=True CompletionsReached",
  ]);
  assert.deepEqual([of.status?.succeeded, of.status?.active], [1, 0]);
  assert.equal(of.status?.completionTime, "2026-01-01T00:10:00Z");
  assert.deepEqual(of.status?.uncountedTerminatedPods, {});
  assert.deepEqual(cluster.pods.get("pi-0")?.metadata.finalizers, []);
  assert.deepEqual(cluster.events, ["Completed"]);
});

test("a pod whose end is written down but that could not be let go yet is counted once", () => {
  for (const [phase, counted] of [
    ["Succeeded", "succeeded"],
    ["Failed", "failed"],
  ] as const) {
    const cluster = new Cluster();
    const of = job();
    cluster.settle(of);
    cluster.end("pi-0", phase);
    const pods = [...cluster.pods.values()];
    for (let turn = 0; turn < 3; turn++) {
      const plan = planJob(of, pods, cluster.now);
      of.status = plan.status;
      assert.deepEqual(of.status?.uncountedTerminatedPods, { [counted]: ["uid-pi-0"] });
      assert.deepEqual(plan.release, pods);
    }
    cluster.settle(of);
    assert.equal(of.status?.[counted], 1);
  }
});

test("no more pods run at once than wanted, and no more than are still to end well", () => {
  const cluster = new Cluster();
  const of = job({ parallelism: 2, completions: 3 });
  assert.deepEqual(cluster.settle(of), ["+pi-0", "+pi-1"]);
  cluster.end("pi-0", "Succeeded");
  assert.deepEqual(cluster.settle(of), ["+pi-2"]);
  cluster.end("pi-1", "Succeeded");
  assert.deepEqual(cluster.settle(of), []);
  of.spec.parallelism = 0;
  assert.deepEqual(cluster.settle(of), ["-pi-2"]);
  assert.equal(of.status?.failed, 0, "what is taken away has not failed");
});

test("without completions, the first that ends well says that no more are needed", () => {
  const cluster = new Cluster();
  const of = job({ parallelism: 2, completions: undefined as never });
  delete of.spec.completions;
  cluster.settle(of);
  cluster.end("pi-0", "Succeeded");
  assert.deepEqual(cluster.settle(of), []);
  assert.deepEqual(conditionsOf(of), [], "the other one is waited for");
  cluster.end("pi-1", "Failed");
  cluster.settle(of);
  assert.ok(hasCondition(of, "Complete"));
});

test("failed pods are replaced after a pause that doubles, until the limit", () => {
  const cluster = new Cluster();
  const of = job({ backoffLimit: 2 });
  cluster.settle(of);
  for (const [failure, pause] of [
    [0, 10_000],
    [1, 20_000],
  ] as const) {
    cluster.end(`pi-${failure}`, "Failed");
    assert.deepEqual(cluster.settle(of), []);
    assert.equal(planJob(of, [...cluster.pods.values()], cluster.now).recheck, pause);
    cluster.now += pause;
    assert.deepEqual(cluster.settle(of), [`+pi-${failure + 1}`]);
  }
  cluster.end("pi-2", "Failed");
  cluster.settle(of);
  assert.deepEqual(conditionsOf(of), [
    "FailureTarget=True BackoffLimitExceeded",
    "Failed=True BackoffLimitExceeded",
  ]);
  assert.equal(of.status?.failed, 3);
  assert.deepEqual(cluster.events, ["BackoffLimitExceeded"]);
});

test("restarts inside the pods count towards the limit under OnFailure", () => {
  const cluster = new Cluster();
  const of = job({ backoffLimit: 2 });
  of.spec.template.spec.restartPolicy = "OnFailure";
  cluster.settle(of);
  const restarted = (restartCount: number): void => {
    const status = { name: "c", image: "", imageID: "", ready: true, restartCount };
    cluster.pods.get("pi-0")!.status = { phase: "Running", containerStatuses: [status] };
  };
  restarted(1);
  assert.deepEqual(cluster.settle(of), []);
  restarted(2);
  assert.deepEqual(cluster.settle(of), ["-pi-0"]);
  assert.ok(hasCondition(of, "Failed"));
});

test("a Job that takes too long fails, with the pods that still run", () => {
  const cluster = new Cluster();
  const of = job({ parallelism: 2, completions: 2, activeDeadlineSeconds: 60 });
  cluster.settle(of);
  cluster.end("pi-0", "Succeeded");
  cluster.settle(of);
  assert.equal(planJob(of, [...cluster.pods.values()], cluster.now).recheck, 60_000);
  cluster.now += 60_000;
  cluster.slow = true;
  cluster.settle(of);
  assert.ok(!hasCondition(of, "Failed"), "not before the last pod has ended");
  cluster.end("pi-1", "Failed");
  cluster.settle(of);
  assert.deepEqual(conditionsOf(of), ["FailureTarget=True DeadlineExceeded", "Failed=True DeadlineExceeded"]);
  assert.deepEqual([of.status?.succeeded, of.status?.failed], [1, 1]);
});

test("a suspended Job has no pods; resumed, its time starts anew", () => {
  const cluster = new Cluster();
  const of = job({ suspend: true });
  assert.deepEqual(cluster.settle(of), []);
  assert.deepEqual([conditionsOf(of), of.status?.startTime], [["Suspended=True JobSuspended"], undefined]);
  of.spec.suspend = false;
  cluster.now += 5000;
  assert.deepEqual(cluster.settle(of), ["+pi-0"]);
  assert.deepEqual(conditionsOf(of), ["Suspended=False JobResumed"]);
  assert.equal(of.status?.startTime, "2026-01-01T00:10:05Z");
  of.spec.suspend = true;
  assert.deepEqual(cluster.settle(of), ["-pi-0"]);
  assert.deepEqual([of.status?.failed, of.status?.active], [0, 0]);
  assert.deepEqual(cluster.events, ["Suspended", "Resumed", "Suspended"]);
  of.spec.activeDeadlineSeconds = 1;
  cluster.now += 5000;
  assert.deepEqual(cluster.settle(of), []);
  of.spec.suspend = false;
  cluster.settle(of);
  assert.deepEqual([of.status?.startTime, hasCondition(of, "Failed")], ["2026-01-01T00:10:10Z", false]);
});

test("an Indexed Job has a pod for every index, and one that failed is made again", () => {
  const cluster = new Cluster();
  const of = job({ completionMode: "Indexed", parallelism: 3, completions: 4 });
  assert.deepEqual(cluster.settle(of), ["+pi-0-0", "+pi-1-1", "+pi-2-2"]);
  const { metadata, spec } = cluster.pods.get("pi-1-1")!;
  assert.equal(spec.hostname, "pi-1");
  assert.equal(metadata.annotations?.["batch.kubernetes.io/job-completion-index"], "1");
  assert.equal(metadata.labels?.["batch.kubernetes.io/job-completion-index"], "1");
  assert.equal(spec.containers[0]?.env?.[0]?.name, "JOB_COMPLETION_INDEX");
  cluster.end("pi-0-0", "Succeeded");
  cluster.end("pi-1-1", "Failed");
  cluster.settle(of);
  cluster.now += 10_000;
  cluster.settle(of);
  cluster.end("pi-2-2", "Succeeded");
  cluster.settle(of);
  assert.equal(of.status?.completedIndexes, "0,2");
  const running = [...cluster.pods.values()].filter(({ status }) => status?.phase === "Running");
  assert.deepEqual(running.map(({ spec }) => spec.hostname).sort(), ["pi-1", "pi-3"]);
  for (const pod of running) cluster.end(pod.metadata.name, "Succeeded");
  cluster.settle(of);
  assert.deepEqual([of.status?.completedIndexes, of.status?.succeeded, of.status?.failed], ["0-3", 4, 1]);
  assert.ok(hasCondition(of, "Complete"));
});

test("an Indexed Job that is made smaller does not count ends of pods beyond its indexes", () => {
  for (const phase of ["Succeeded", "Failed"] as const) {
    const cluster = new Cluster();
    const of = job({ completionMode: "Indexed", parallelism: 3, completions: 3 });
    cluster.settle(of);
    const beyond = [...cluster.pods.values()].find(({ spec }) => spec.hostname === "pi-2");
    cluster.end(beyond!.metadata.name, phase);
    of.spec = { ...of.spec, parallelism: 2, completions: 2 };
    cluster.sync(of);
    assert.deepEqual([of.status?.completedIndexes, of.status?.uncountedTerminatedPods], ["", {}], phase);
    cluster.settle(of);
    assert.deepEqual([of.status?.succeeded, of.status?.failed, of.status?.active], [0, 0, 2], phase);
  }
});

test("a pod that somebody deletes has failed and is replaced; under Failed only once it has ended", () => {
  for (const [podReplacementPolicy, replaced] of [
    ["TerminatingOrFailed", 1],
    ["Failed", 0],
  ] as const) {
    const cluster = new Cluster();
    const of = job({ podReplacementPolicy });
    cluster.settle(of);
    cluster.slow = true;
    cluster.pods.get("pi-0")!.metadata.deletionTimestamp = "2026-01-01T00:10:00Z";
    assert.equal(cluster.settle(of).length, replaced, podReplacementPolicy);
    assert.deepEqual([of.status?.terminating, of.status?.failed], [1, replaced]);
  }
});

test("a pod that is named in the status is one that failed, not two, however long it takes to let it go", () => {
  const cluster = new Cluster();
  const of = job({ backoffLimit: 1 });
  cluster.settle(of);
  cluster.end("pi-0", "Failed");
  of.status = { ...of.status, uncountedTerminatedPods: { failed: ["uid-pi-0"] } };
  const { status, release } = planJob(of, [...cluster.pods.values()], cluster.now);
  assert.deepEqual([status.failed, status.uncountedTerminatedPods], [0, { failed: ["uid-pi-0"] }]);
  assert.deepEqual([release.length, conditionsOf({ ...of, status })], [1, []]);
});

test("once a Job has failed, pods that are still to end have failed, too", () => {
  const cluster = new Cluster();
  const of = job({ podReplacementPolicy: "Failed", backoffLimit: 0, parallelism: 2, completions: 2 });
  cluster.settle(of);
  cluster.end("pi-0", "Failed");
  cluster.slow = true;
  cluster.settle(of);
  assert.equal(of.status?.failed, 2);
  assert.deepEqual(cluster.pods.get("pi-1")?.metadata.finalizers, []);
});

test("an index beyond the completions counts as nothing, and of two pods of an index one goes", () => {
  const cluster = new Cluster();
  const of = job({ completionMode: "Indexed", parallelism: 3, completions: 3 });
  cluster.settle(of);
  Object.assign(of.spec, { parallelism: 2, completions: 2 });
  cluster.end("pi-2-2", "Succeeded");
  cluster.settle(of);
  assert.deepEqual([of.status?.succeeded, of.status?.completedIndexes], [0, ""]);
  const twin = structuredClone(cluster.pods.get("pi-0-0")!);
  Object.assign(twin.metadata, { name: "twin", uid: "uid-twin" });
  cluster.pods.set("twin", twin);
  cluster.end("pi-0-0", "Succeeded");
  assert.deepEqual(cluster.settle(of), ["-twin"]);
});

test("of too many pods those go that have not come far", () => {
  const cluster = new Cluster();
  const of = job({ parallelism: 3, completions: 3 });
  cluster.settle(of);
  cluster.pods.get("pi-1")!.status = { phase: "Pending" };
  of.spec.parallelism = 2;
  assert.deepEqual(cluster.settle(of), ["-pi-1"]);
});

test("a Job that is over goes after its time", () => {
  const cluster = new Cluster();
  const of = job({ ttlSecondsAfterFinished: 30 });
  cluster.settle(of);
  cluster.end("pi-0", "Succeeded");
  cluster.settle(of);
  const later = (milliseconds: number): JobPlan => planJob(of, [], cluster.now + milliseconds);
  assert.deepEqual([later(0).expired, later(0).recheck], [false, 30_000]);
  assert.equal(later(30_000).expired, true);
});

test("indexes as text", () => {
  for (const text of ["", "0", "1,2", "1-3", "0,2,4-7,9"])
    assert.equal(formatIndexes(parseIndexes(text, 10)), text);
  assert.equal(formatIndexes(parseIndexes("1-3,oh,8-99", 10)), "1-3,8,9");
});

test("in a cluster, a Job is run, counted once, and deleted with its pods or without", async () => {
  const { client, close } = await startCluster(undefined, {
    clusterCidrs: ["10.244.0.0/16", "fd00:10:244::/56"],
  });
  const nodes = new FakeNodes(client);
  try {
    await nodes.start("node-1");
    const namespace = "jobs";
    await client.create<Namespace>(KINDS.Namespace, { metadata: { name: namespace } });
    for (const name of ["one", "two"]) {
      const template = { spec: { restartPolicy: "Never", containers: [{ name: "c", image: "x" }] } };
      const spec = { template } as Job["spec"];
      await client.create<Job>(KINDS.Job, { metadata: { name, namespace }, spec } as never);
    }
    const podsOf = (name: string): Promise<Pod[]> =>
      itemsOf<Pod>(client, KINDS.Pod, namespace, `job-name=${name}`);
    for (const name of ["one", "two"]) {
      const [pod] = await eventually(
        () => podsOf(name),
        (all) => all[0]?.status?.phase === "Running",
      );
      const status = { phase: "Succeeded" };
      await client.patch(
        KINDS.Pod,
        pod!.metadata.name,
        namespace,
        { status },
        { type: "merge", subresource: "status" },
      );
      const done = await eventually(
        () => client.get<Job>(KINDS.Job, name, namespace),
        (of) => hasCondition(of, "Complete"),
      );
      assert.deepEqual(
        [done.status?.succeeded, done.status?.failed ?? 0, done.status?.active ?? 0],
        [1, 0, 0],
      );
      assert.deepEqual(
        (await podsOf(name)).map(({ metadata }) => metadata.finalizers),
        [undefined],
      );
    }
    await client.delete(KINDS.Job, "one", namespace, { propagationPolicy: "Background" });
    await client.delete(KINDS.Job, "two", namespace);
    await eventually(
      () => podsOf("one"),
      (left) => left.length === 0,
    );
    const [kept] = await eventually(
      () => podsOf("two"),
      (left) => left[0]?.metadata.ownerReferences === undefined,
    );
    assert.equal(kept?.status?.phase, "Succeeded", "what does not say leaves the pods of Jobs");
  } finally {
    await nodes.stop();
    await close();
  }
});
