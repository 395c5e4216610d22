/** StatefulSets, DaemonSets and Jobs in a lab of two nodes, over both families: names that stay, packets, updates, ends. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { execToText } from "../../src/client/index.ts";
import { FAMILIES, type Family } from "../../src/ip/family.ts";
import { hasCondition } from "../../src/objects/conditions.ts";
import type { Job } from "../../src/objects/job/types.ts";
import { KINDS } from "../../src/objects/kinds.ts";
import type { ControllerRevision, StatefulSet } from "../../src/objects/statefulset/types.ts";
import type { Pod } from "../../src/objects/types.ts";
import { ipsOf, TestCluster, temporaryHome } from "../lab/cluster.ts";
import { apply, eventually, slicesOf } from "./dual-stack-net.ts";

const LISTING: Record<Family, string> = { IPv4: "ahostsv4", IPv6: "ahostsv6" };

const home = temporaryHome();
let lab: TestCluster;

before(async () => {
  lab = await TestCluster.start("workloads", FAMILIES, 2);
  await lab.create("client", { command: ["sleep", "infinity"] });
  await apply(lab, STATEFUL_SET);
  await lab.ready("client");
  await settled(2);
});

after(async () => {
  await lab?.stop();
  home.remove();
});

const STATEFUL_SET = `
apiVersion: v1
kind: Service
metadata: { name: db }
spec:
  clusterIP: None
  ipFamilyPolicy: PreferDualStack
  selector: { app: db }
  ports: [{ name: http, port: 8080 }]
---
apiVersion: apps/v1
kind: StatefulSet
metadata: { name: db }
spec:
  serviceName: db
  replicas: 2
  selector: { matchLabels: { app: db } }
  template:
    metadata: { labels: { app: db } }
    spec:
      terminationGracePeriodSeconds: 1
      containers:
        - name: db
          image: hashicorp/http-echo
          args: ["-listen=:8080", "-text=$(POD) $(ROUND)"]
          env:
            - { name: POD, valueFrom: { fieldRef: { fieldPath: metadata.name } } }
            - { name: ROUND, value: one }
          readinessProbe: { httpGet: { path: /, port: 8080 }, periodSeconds: 1, timeoutSeconds: 10 }
`;

function settled(replicas: number, generation = 1): Promise<void> {
  return eventually(async () => {
    const { status } = await lab.client.get<StatefulSet>(KINDS.StatefulSet, "db", "default");
    assert.ok((status?.observedGeneration ?? 0) >= generation);
    assert.deepEqual(
      [status?.replicas, status?.availableReplicas, status?.updatedReplicas],
      Array(3).fill(replicas),
    );
    assert.equal(status?.currentRevision, status?.updateRevision);
  });
}

/** What a name resolves to in a family, as a pod sees it. */
async function addressesOf(name: string, family: Family): Promise<string[]> {
  const { out } = await lab.exec("client", ["getent", LISTING[family], name]);
  const first = out.split("\n").map((line) => line.split(/\s+/)[0] ?? "");
  return [...new Set(first.filter((address) => address !== ""))].sort();
}

/** Every pod's name leads to its own addresses, and packets to them reach it. */
async function reachAll(names: readonly string[], round: string): Promise<void> {
  for (const name of names) {
    const ips = ipsOf(await lab.pod(name));
    for (const family of FAMILIES) {
      const [address = "", ...others] = await addressesOf(`${name}.db.default.svc.cluster.local`, family);
      assert.deepEqual([address, others], [ips[family], []], `${name} ${family}`);
      const host = family === "IPv6" ? `[${address}]` : address;
      const { out } = await lab.exec("client", ["wget", "-qO-", `http://${host}:8080/`]);
      assert.equal(out.trim(), `${name} ${round}`, family);
    }
  }
}

test("each pod of a StatefulSet has a name with an address of each family, where it answers", async () => {
  await eventually(() => reachAll(["db-0", "db-1"], "one"));
  const ips = [ipsOf(await lab.pod("db-0")), ipsOf(await lab.pod("db-1"))];
  for (const family of FAMILIES) {
    const all = ips.map((of) => of[family] ?? "").sort();
    await eventually(async () =>
      assert.deepEqual(await addressesOf("db.default.svc.cluster.local", family), all),
    );
  }
  const { out } = await lab.exec("db-1", ["hostname", "-f"]);
  assert.equal(out.trim(), "db-1.db.default.svc.cluster.local");
});

test("an update replaces the pods, the last one first; they keep their names, in both families", async () => {
  const before = await Promise.all(["db-0", "db-1"].map((name) => lab.pod(name)));
  const env = [{ name: "ROUND", value: "two" }];
  const change = { spec: { template: { spec: { containers: [{ name: "db", env }] } } } };
  await lab.client.patch(KINDS.StatefulSet, "db", "default", change, { type: "strategic" });
  await settled(2, 2);
  const now = await Promise.all(["db-0", "db-1"].map((name) => lab.pod(name)));
  for (const [index, pod] of now.entries()) assert.notEqual(pod.metadata.uid, before[index]?.metadata.uid);
  const [zero = "", one = ""] = now.map(({ status }) => status?.startTime);
  assert.ok(one <= zero, `${one} is before ${zero}`);
  await eventually(() => reachAll(["db-0", "db-1"], "two"));
  const revisions = await lab.client.list<ControllerRevision>(KINDS.ControllerRevision, {
    namespace: "default",
  });
  assert.deepEqual(revisions.items.map(({ revision }) => revision).sort(), [1, 2]);
});

test("scaled up and down, names come and go in the order of their numbers", async () => {
  const scale = (replicas: number): Promise<unknown> =>
    lab.client.patch(KINDS.StatefulSet, "db", "default", { spec: { replicas } }, { type: "merge" });
  await scale(3);
  await settled(3, 3);
  await eventually(() => reachAll(["db-2"], "two"));
  await scale(1);
  await settled(1, 4);
  await eventually(async () => {
    assert.deepEqual(await addressesOf("db-2.db.default.svc.cluster.local", "IPv6"), []);
    assert.deepEqual(await addressesOf("db.default.svc.cluster.local", "IPv4"), [
      ipsOf(await lab.pod("db-0")).IPv4,
    ]);
  });
});

const DAEMON_SET = `
apiVersion: apps/v1
kind: DaemonSet
metadata: { name: agent, annotations: { kubernetes.io/change-cause: begin } }
spec:
  selector: { matchLabels: { app: agent } }
  template:
    metadata: { labels: { app: agent } }
    spec:
      terminationGracePeriodSeconds: 0
      containers:
        - name: agent
          image: hashicorp/http-echo
          args: ["-listen=:8080", "-text=one"]
          readinessProbe: { httpGet: { path: /, port: 8080 }, periodSeconds: 1, timeoutSeconds: 10 }
`;

/** What the pods of the DaemonSet answer, over both families; one a node. */
async function answersOfAgents(): Promise<string[]> {
  const { items } = await lab.client.list<Pod>(KINDS.Pod, { labelSelector: "app=agent" });
  assert.equal(items.length, 2);
  const urls = items.flatMap((pod) => {
    const { IPv4, IPv6 } = ipsOf(pod);
    return [`http://${IPv4}:8080`, `http://[${IPv6}]:8080`];
  });
  const answers = urls.map((url) => lab.exec("client", ["curl", "-sgm", "20", url]));
  return (await Promise.all(answers)).map(({ out }) => out.trim());
}

test("a DaemonSet goes back to an earlier revision by the patch that kubectl rollout undo sends", async () => {
  await apply(lab, DAEMON_SET);
  const all = (answer: string) => async () =>
    assert.deepEqual(
      await answersOfAgents(),
      Array.from({ length: 4 }, () => answer),
    );
  await eventually(all("one"));
  const args = ["-listen=:8080", "-text=two"];
  const change = { spec: { template: { spec: { containers: [{ name: "agent", args }] } } } };
  await lab.client.patch(KINDS.DaemonSet, "agent", "default", change, { type: "strategic" });
  await eventually(all("two"));
  const revisions = async (): Promise<ControllerRevision[]> => {
    const labelSelector = "app=agent";
    const { items } = await lab.client.list<ControllerRevision>(KINDS.ControllerRevision, { labelSelector });
    return items.sort((a, b) => a.revision - b.revision);
  };
  const [first, second] = await revisions();
  assert.deepEqual([first?.revision, second?.revision], [1, 2]);
  assert.equal(first?.metadata.annotations?.["kubernetes.io/change-cause"], "begin");
  await lab.client.patch(KINDS.DaemonSet, "agent", "default", first?.data, { type: "strategic" });
  await eventually(all("one"));
  assert.deepEqual(
    (await revisions()).map(({ metadata, revision }) => [metadata.name, revision]),
    [
      [second?.metadata.name, 2],
      [first?.metadata.name, 3],
    ],
  );
});

const JOB = `
apiVersion: v1
kind: Service
metadata: { name: work }
spec:
  clusterIP: None
  ipFamilyPolicy: PreferDualStack
  publishNotReadyAddresses: true
  selector: { job-name: work }
  ports: [{ name: http, port: 8080 }]
---
apiVersion: batch/v1
kind: Job
metadata: { name: work }
spec:
  completions: 2
  parallelism: 2
  completionMode: Indexed
  template:
    spec:
      subdomain: work
      restartPolicy: OnFailure
      terminationGracePeriodSeconds: 1
      initContainers:
        - { name: side, image: busybox, restartPolicy: Always, command: [sleep, infinity] }
      containers:
        - name: work
          image: busybox
          command: [sh, -c, "echo I am $JOB_COMPLETION_INDEX; until [ -e /tmp/go ]; do sleep 0.1; done"]
`;

test("an Indexed Job's pods know their number and have names; it completes, and its pods leave the slices", async () => {
  await apply(lab, JOB);
  const podsOf = async (): Promise<Pod[]> =>
    (await lab.client.list<Pod>(KINDS.Pod, { namespace: "default", labelSelector: "job-name=work" })).items;
  const jobOf = (): Promise<Job> => lab.client.get<Job>(KINDS.Job, "work", "default");
  await eventually(async () => assert.equal((await jobOf()).status?.ready, 2));
  const pods = await podsOf();
  for (const pod of pods) {
    const name = `${pod.spec.hostname}.work.default.svc.cluster.local`;
    for (const family of FAMILIES) {
      await eventually(async () => assert.deepEqual(await addressesOf(name, family), [ipsOf(pod)[family]]));
    }
  }
  for (const { metadata } of pods) {
    const command = ["touch", "/tmp/go"];
    await execToText(lab.client, { namespace: "default", pod: metadata.name, container: "work", command });
  }
  await eventually(async () => assert.ok(hasCondition(await jobOf(), "Complete")));
  const { status } = await jobOf();
  assert.deepEqual([status?.succeeded, status?.completedIndexes, status?.active ?? 0], [2, "0,1", 0]);
  await eventually(async () => {
    const ended = await podsOf();
    assert.deepEqual(
      ended.map((pod) => pod.status?.phase),
      ["Succeeded", "Succeeded"],
    );
    for (const pod of ended) {
      const [side] = pod.status?.initContainerStatuses ?? [];
      assert.ok(side?.state?.terminated, "the sidecar ends with what it serves");
    }
    const slices = await slicesOf(lab, "work");
    assert.deepEqual(
      slices.flatMap(({ endpoints }) => endpoints ?? []),
      [],
    );
  });
  const [first] = pods.sort((a, b) => ((a.spec.hostname ?? "") < (b.spec.hostname ?? "") ? -1 : 1));
  const path = `/api/v1/namespaces/default/pods/${first?.metadata.name}/log?container=work`;
  assert.equal((await lab.client.request("GET", path)).body, "I am 0\n");
});
