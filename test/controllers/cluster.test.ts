import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { KINDS } from "../../src/objects/kinds.ts";
import { ApiError } from "../../src/objects/status.ts";
import type {
  AnyObject,
  ConfigMap,
  DaemonSet,
  Deployment,
  Endpoints,
  EndpointSlice,
  KubeEvent,
  Namespace,
  Node,
  Pod,
  ReplicaSet,
  ServiceAccount,
} from "../../src/objects/types.ts";
import { eventually, FakeNodes, itemsOf, startCluster, type TestCluster } from "./cluster.ts";

let cluster: TestCluster;
let nodes: FakeNodes;

before(async () => {
  cluster = await startCluster(undefined, {
    clusterCidrs: ["10.244.0.0/16", "fd00:10:244::/56"],
    nodeMonitorGracePeriod: 600_000,
  });
  nodes = new FakeNodes(cluster.client);
  await nodes.start("node-1", "node-2");
});

after(async () => {
  await nodes.stop();
  await cluster.close();
});

const CONTAINERS = [{ name: "c", image: "one", ports: [{ name: "web", containerPort: 8080 }] }];

function deployment(name: string, namespace: string, replicas: number): object {
  const labels = { app: name };
  const template = { metadata: { labels }, spec: { containers: CONTAINERS } };
  return { metadata: { name, namespace }, spec: { replicas, selector: { matchLabels: labels }, template } };
}

async function namespace(name: string): Promise<string> {
  await cluster.client.create<Namespace>(KINDS.Namespace, { metadata: { name } });
  return name;
}

function rolledOut(name: string, namespace: string, generation = 1): Promise<Deployment> {
  return eventually(
    () => cluster.client.get<Deployment>(KINDS.Deployment, name, namespace),
    ({ spec, status }) =>
      (status?.observedGeneration ?? 0) >= generation &&
      (status?.availableReplicas ?? 0) === spec.replicas &&
      status?.updatedReplicas === spec.replicas &&
      status?.replicas === spec.replicas,
  );
}

async function isGone(get: () => Promise<unknown>): Promise<boolean> {
  try {
    await get();
    return false;
  } catch (error) {
    return error instanceof ApiError && error.code === 404;
  }
}

test("a namespace gets its ServiceAccount and the cluster's CA, and gets them again", async () => {
  const { client, server } = cluster;
  const name = await namespace("defaults");
  const account = () => itemsOf<ServiceAccount>(client, KINDS.ServiceAccount, name);
  const maps = () => itemsOf<ConfigMap>(client, KINDS.ConfigMap, name);
  await eventually(account, (items) => items.some(({ metadata }) => metadata.name === "default"));
  const [root] = await eventually(maps, (items) => items.length === 1);
  assert.equal(root?.metadata.name, "kube-root-ca.crt");
  assert.equal(root?.data?.["ca.crt"], server.ca);
  await client.patch(
    KINDS.ConfigMap,
    "kube-root-ca.crt",
    name,
    { data: { "ca.crt": "forged" } },
    { type: "merge" },
  );
  await eventually(maps, ([map]) => map?.data?.["ca.crt"] === server.ca);
  await client.delete(KINDS.ConfigMap, "kube-root-ca.crt", name);
  await eventually(maps, (items) => items.length === 1);
});

test("nodes get a pod range per family, each its own", async () => {
  const items = await eventually(
    () => itemsOf<Node>(cluster.client, KINDS.Node),
    (list) => list.every(({ spec }) => spec.podCIDR),
  );
  const ranges = items.map(({ spec }) => spec.podCIDRs);
  assert.deepEqual(ranges.flat().sort(), [
    "10.244.0.0/24",
    "10.244.1.0/24",
    "fd00:10:244:1::/64",
    "fd00:10:244::/64",
  ]);
  for (const { spec } of items) assert.equal(spec.podCIDRs?.[0], spec.podCIDR);
});

test("from a Deployment and a Service come pods on all nodes, slices of both families and Endpoints", async () => {
  const { client } = cluster;
  const name = await namespace("rollout");
  await client.create(KINDS.Service, {
    metadata: { name: "web", namespace: name },
    spec: {
      selector: { app: "web" },
      ipFamilyPolicy: "RequireDualStack",
      ports: [{ port: 80, targetPort: "web" }],
    },
  });
  await client.create(KINDS.Deployment, deployment("web", name, 4));
  const done = await rolledOut("web", name);
  assert.equal(done.metadata.annotations?.["deployment.kubernetes.io/revision"], "1");
  assert.equal(done.metadata.generation, 1, "the revision is no change of the Deployment");
  const pods = await itemsOf<Pod>(client, KINDS.Pod, name);
  assert.deepEqual(
    Object.entries(Object.groupBy(pods, ({ spec }) => spec.nodeName!))
      .map(([node, of]) => [node, of?.length])
      .sort(),
    [
      ["node-1", 2],
      ["node-2", 2],
    ],
  );
  const ready = (slice: EndpointSlice) =>
    (slice.endpoints ?? []).filter(({ conditions }) => conditions?.ready).length;
  const slices = await eventually(
    () => itemsOf<EndpointSlice>(client, KINDS.EndpointSlice, name),
    (items) => items.length === 2 && items.every((slice) => ready(slice) === 4),
  );
  assert.deepEqual(slices.map(({ addressType, ports }) => [addressType, ports?.[0]?.port]).sort(), [
    ["IPv4", 8080],
    ["IPv6", 8080],
  ]);
  await eventually(
    () => itemsOf<Endpoints>(client, KINDS.Endpoints, name),
    ([endpoints]) => endpoints?.subsets?.[0]?.addresses?.length === 4,
  );
  await eventually(
    () => itemsOf<KubeEvent>(client, KINDS.Event, name),
    (events) => events.some(({ reason }) => reason === "Scheduled"),
  );
});

test("a rollout replaces the pods; scaling and a broken template are told in the status", async () => {
  const { client } = cluster;
  const name = await namespace("update");
  await client.create(KINDS.Deployment, deployment("web", name, 3));
  await rolledOut("web", name);
  const image = (text: string) => ({
    spec: { template: { spec: { containers: [{ ...CONTAINERS[0], image: text }] } } },
  });
  const patched = await client.patch<Deployment>(KINDS.Deployment, "web", name, image("two"), {
    type: "merge",
  });
  await rolledOut("web", name, patched.metadata.generation);
  const sets = await itemsOf<ReplicaSet>(client, KINDS.ReplicaSet, name);
  assert.deepEqual(sets.map(({ spec }) => spec.replicas).sort(), [0, 3]);
  const pods = () => itemsOf<Pod>(client, KINDS.Pod, name);
  await eventually(
    pods,
    (items) => items.length === 3 && items.every(({ spec }) => spec.containers[0]?.image === "two"),
  );
  await client.patch(
    KINDS.Deployment,
    "web",
    name,
    { spec: { replicas: 5 } },
    { type: "merge", subresource: "scale" },
  );
  // ready, too: those that are not would go first
  await rolledOut("web", name);
  assert.equal((await pods()).length, 5);
  const unready = {
    spec: { progressDeadlineSeconds: 1, template: { metadata: { annotations: { "test/unready": "yes" } } } },
  };
  await client.patch(KINDS.Deployment, "web", name, unready, { type: "merge" });
  const stuck = await eventually(
    () => client.get<Deployment>(KINDS.Deployment, "web", name),
    ({ status }) => (status?.conditions ?? []).some(({ reason }) => reason === "ProgressDeadlineExceeded"),
  );
  assert.ok((stuck.status?.availableReplicas ?? 0) >= 4, "the old pods go on serving");
});

test("a pod without a fitting node says why, and runs as soon as there is one", async () => {
  const { client } = cluster;
  const name = await namespace("waiting");
  const spec = { nodeSelector: { "kubernetes.io/hostname": "node-3" }, containers: CONTAINERS };
  await client.create(KINDS.Pod, { metadata: { name: "p", namespace: name }, spec });
  const pod = () => client.get<Pod>(KINDS.Pod, "p", name);
  const conditionOf = ({ status }: Pod) => status?.conditions?.find(({ type }) => type === "PodScheduled");
  const waiting = await eventually(pod, (item) => conditionOf(item)?.reason === "Unschedulable");
  assert.equal(
    conditionOf(waiting)?.message,
    "0/2 nodes are available: 2 node(s) didn't match Pod's node affinity/selector.",
  );
  await eventually(
    () => itemsOf<KubeEvent>(client, KINDS.Event, name),
    (items) => items.some(({ reason }) => reason === "FailedScheduling"),
  );
  await nodes.add("node-3");
  await eventually(pod, (item) => item.spec.nodeName === "node-3" && item.status?.phase === "Running");
  await client.delete(KINDS.Node, "node-3");
});

test("a DaemonSet follows its nodes and its template; a cordoned node gets no other pods", async () => {
  const { client } = cluster;
  const name = await namespace("daemons");
  const labels = { app: "agent" };
  const template = { metadata: { labels }, spec: { containers: CONTAINERS } };
  await client.create(KINDS.DaemonSet, {
    metadata: { name: "agent", namespace: name },
    spec: { selector: { matchLabels: labels }, template },
  });
  const current = () => client.get<DaemonSet>(KINDS.DaemonSet, "agent", name);
  const nodeNames = async () =>
    (await itemsOf<Pod>(client, KINDS.Pod, name, "app=agent")).map(({ spec }) => spec.nodeName).sort();
  await eventually(current, ({ status }) => status?.numberAvailable === 2);
  await client.patch(KINDS.Node, "node-2", undefined, { spec: { unschedulable: true } }, { type: "merge" });
  await eventually(
    () => client.get<Node>(KINDS.Node, "node-2"),
    ({ spec }) => (spec.taints ?? []).length === 1,
  );
  await client.create(KINDS.Deployment, deployment("web", name, 3));
  await rolledOut("web", name);
  const web = await itemsOf<Pod>(client, KINDS.Pod, name, "app=web");
  assert.deepEqual(new Set(web.map(({ spec }) => spec.nodeName)), new Set(["node-1"]));
  assert.deepEqual(await nodeNames(), ["node-1", "node-2"]);
  await client.patch(
    KINDS.DaemonSet,
    "agent",
    name,
    { spec: { template: { spec: { containers: [{ ...CONTAINERS[0], image: "two" }] } } } },
    { type: "merge" },
  );
  await eventually(
    current,
    ({ status }) =>
      status?.observedGeneration === 2 && status.updatedNumberScheduled === 2 && status.numberAvailable === 2,
  );
  await client.patch(KINDS.Node, "node-2", undefined, { spec: { unschedulable: null } }, { type: "merge" });
  await eventually(
    () => client.get<Node>(KINDS.Node, "node-2"),
    ({ spec }) => (spec.taints ?? []).length === 0,
  );
});

for (const policy of ["Background", "Foreground"] as const) {
  test(`a Deployment deleted in the ${policy.toLowerCase()} takes its ReplicaSets and pods with it`, async () => {
    const { client } = cluster;
    const name = await namespace(`gc-${policy.toLowerCase()}`);
    await client.create(KINDS.Deployment, deployment("web", name, 2));
    await rolledOut("web", name);
    await client.delete(KINDS.Deployment, "web", name, { propagationPolicy: policy });
    if (policy === "Foreground") {
      await eventually(
        () => isGone(() => client.get(KINDS.Deployment, "web", name)),
        (gone) => gone,
      );
      assert.deepEqual(await itemsOf(client, KINDS.ReplicaSet, name), [], "the Deployment goes last");
    }
    for (const kind of [KINDS.ReplicaSet, KINDS.Pod])
      await eventually(
        () => itemsOf(client, kind, name),
        (items) => items.length === 0,
      );
  });
}

test("orphaned ReplicaSets stay, and a Deployment that fits takes them over", async () => {
  const { client } = cluster;
  const name = await namespace("gc-orphan");
  await client.create(KINDS.Deployment, deployment("web", name, 2));
  await rolledOut("web", name);
  await client.delete(KINDS.Deployment, "web", name, { propagationPolicy: "Orphan" });
  await eventually(
    () => isGone(() => client.get(KINDS.Deployment, "web", name)),
    (gone) => gone,
  );
  const [left] = await itemsOf<ReplicaSet>(client, KINDS.ReplicaSet, name);
  assert.equal(left?.metadata.ownerReferences, undefined);
  const made = await client.create<Deployment>(KINDS.Deployment, deployment("web", name, 2));
  await eventually(
    () => itemsOf<ReplicaSet>(client, KINDS.ReplicaSet, name),
    ([set]) => set?.metadata.ownerReferences?.[0]?.uid === made.metadata.uid,
  );
  assert.equal((await itemsOf(client, KINDS.ReplicaSet, name)).length, 1);
});

test("what belongs to several owners goes with the last one; an owner that never was takes it along at once", async () => {
  const { client } = cluster;
  const name = await namespace("gc-owners");
  const reference = ({ metadata }: AnyObject) => ({
    apiVersion: "v1",
    kind: "ConfigMap",
    name: metadata.name,
    uid: metadata.uid,
  });
  const map = (of: string, owners: unknown[] = []) =>
    client.create<AnyObject>(KINDS.ConfigMap, {
      metadata: { name: of, namespace: name, ownerReferences: owners },
    });
  const [a, b] = [await map("a"), await map("b")];
  await map("both", [reference(a), reference(b)]);
  await client.delete(KINDS.ConfigMap, "a", name);
  const both = await eventually(
    () => client.get<AnyObject>(KINDS.ConfigMap, "both", name),
    ({ metadata }) => metadata.ownerReferences?.length === 1,
  );
  assert.equal(both.metadata.ownerReferences?.[0]?.uid, b.metadata.uid);
  await client.delete(KINDS.ConfigMap, "b", name);
  await eventually(
    () => isGone(() => client.get(KINDS.ConfigMap, "both", name)),
    (gone) => gone,
  );
  await map("lost", [{ ...reference(a), uid: "00000000-0000-0000-0000-000000000000" }]);
  await eventually(
    () => isGone(() => client.get(KINDS.ConfigMap, "lost", name)),
    (gone) => gone,
  );
});

test("a namespace that is deleted goes with all that is in it", async () => {
  const { client } = cluster;
  const name = await namespace("doomed");
  await client.create(KINDS.Service, {
    metadata: { name: "web", namespace: name },
    spec: { selector: { app: "web" }, ports: [{ port: 80 }] },
  });
  await client.create(KINDS.Deployment, deployment("web", name, 2));
  await rolledOut("web", name);
  await client.delete(KINDS.Namespace, name);
  await eventually(
    () => isGone(() => client.get(KINDS.Namespace, name)),
    (gone) => gone,
  );
  for (const kind of [
    KINDS.Pod,
    KINDS.ReplicaSet,
    KINDS.Service,
    KINDS.EndpointSlice,
    KINDS.Endpoints,
    KINDS.ConfigMap,
    KINDS.ServiceAccount,
  ]) {
    assert.deepEqual(await itemsOf(client, kind, name), [], kind.plural);
  }
});

test("ServiceCIDRs are held while addresses depend on them, and addresses that somebody deletes come back", async () => {
  const { client } = cluster;
  const name = await namespace("ranges");
  await client.create(KINDS.ServiceCIDR, { metadata: { name: "more" }, spec: { cidrs: ["10.97.0.0/24"] } });
  await eventually(
    () => client.get<AnyObject>(KINDS.ServiceCIDR, "more"),
    ({ status }) => status?.conditions?.[0]?.status === "True",
  );
  await client.create(KINDS.Service, {
    metadata: { name: "web", namespace: name },
    spec: { clusterIP: "10.97.0.7", ports: [{ port: 80 }] },
  });
  await client.delete(KINDS.ServiceCIDR, "more");
  await eventually(
    () => client.get<AnyObject>(KINDS.ServiceCIDR, "more"),
    ({ status }) => status?.conditions?.[0]?.reason === "Terminating",
  );
  await client.delete(KINDS.IPAddress, "10.97.0.7");
  const held = await eventually(
    () => itemsOf(client, KINDS.IPAddress),
    (items) => items.some(({ metadata }) => metadata.name === "10.97.0.7"),
  );
  assert.ok(held);
});

test("controllers that start anew take up what happened meanwhile, and repeat nothing", async () => {
  const { client } = cluster;
  const name = await namespace("restart");
  await client.create(KINDS.Deployment, deployment("web", name, 2));
  await rolledOut("web", name);
  await cluster.stopControllers();
  const scaled = await client.patch<Deployment>(
    KINDS.Deployment,
    "web",
    name,
    { spec: { replicas: 4 } },
    { type: "merge" },
  );
  const [pod] = await itemsOf<Pod>(client, KINDS.Pod, name);
  await client.delete(KINDS.Pod, pod!.metadata.name, name);
  await cluster.startControllers();
  await rolledOut("web", name, scaled.metadata.generation);
  await eventually(
    () => itemsOf<Pod>(client, KINDS.Pod, name),
    (items) => items.length === 4,
  );
  const versions = async () =>
    JSON.stringify(
      (
        await Promise.all(
          [KINDS.Deployment, KINDS.ReplicaSet, KINDS.Node].map((kind) => itemsOf(client, kind)),
        )
      )
        .flat()
        .map(({ metadata }) => [metadata.name, metadata.resourceVersion]),
    );
  const before = await eventually(
    async () => [
      await versions(),
      await new Promise((resolve) => setTimeout(resolve, 1000)),
      await versions(),
    ],
    ([one, , two]) => one === two,
  );
  await cluster.stopControllers();
  await cluster.startControllers();
  await new Promise((resolve) => setTimeout(resolve, 300));
  assert.equal(await versions(), before[2]);
});
