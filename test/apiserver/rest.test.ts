import assert from "node:assert/strict";
import { test } from "node:test";
import { configMap, newNamespace, useServer } from "./harness.ts";

const held = useServer();

test("an object is created, read, updated, patched and deleted", async () => {
  const { client } = held;
  const { core, name: namespace } = await newNamespace(client);
  const created = await client.post(core("configmaps"), configMap("a"));
  assert.equal(created.status, 201);
  const { metadata } = created.body;
  assert.equal(metadata.namespace, namespace);
  assert.match(metadata.uid, /^[0-9a-f-]{36}$/);
  assert.match(metadata.creationTimestamp, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
  assert.deepEqual((await client.get(core("configmaps/a"))).body, created.body);

  const updated = await client.put(core("configmaps/a"), { ...created.body, data: { b: "2" } });
  assert.equal(updated.status, 200);
  assert.deepEqual(updated.body.data, { b: "2" });
  assert.ok(Number(updated.body.metadata.resourceVersion) > Number(metadata.resourceVersion));
  assert.equal(updated.body.metadata.uid, metadata.uid);

  const patched = await client.patch(core("configmaps/a"), { data: { b: null, c: "3" } });
  assert.deepEqual(patched.body.data, { c: "3" });
  const json = [{ op: "replace", path: "/data/c", value: "4" }];
  const again = await client.patch(core("configmaps/a"), json, "application/json-patch+json");
  assert.deepEqual(again.body.data, { c: "4" });

  const deleted = await client.delete(core("configmaps/a"));
  assert.equal(deleted.status, 200);
  assert.deepEqual(deleted.body, {
    kind: "Status",
    apiVersion: "v1",
    metadata: {},
    status: "Success",
    details: { name: "a", kind: "configmaps", uid: metadata.uid },
  });
  assert.equal((await client.get(core("configmaps/a"))).status, 404);
});

test("an update of an older version is a conflict, and one that changes nothing writes nothing", async () => {
  const { client } = held;
  const { core } = await newNamespace(client);
  const first = (await client.post(core("configmaps"), configMap("a"))).body;
  const second = (await client.put(core("configmaps/a"), { ...first, data: { x: "y" } })).body;
  const late = await client.put(core("configmaps/a"), { ...first, data: { late: "1" } });
  assert.equal(late.status, 409);
  assert.equal(
    late.body.message,
    'Operation cannot be fulfilled on configmaps "a": the object has been modified; ' +
      "please apply your changes to the latest version and try again",
  );
  const same = await client.put(core("configmaps/a"), second);
  assert.equal(same.body.metadata.resourceVersion, second.metadata.resourceVersion);
  const unconditional = await client.put(core("configmaps/a"), configMap("a", { data: { z: "1" } }));
  assert.equal(unconditional.status, 200);
});

test("generateName gives each object a name of its own", async () => {
  const { client } = held;
  const { core } = await newNamespace(client);
  const body = { apiVersion: "v1", kind: "ConfigMap", metadata: { generateName: "gen-" } };
  const names = await Promise.all(
    [1, 2, 3].map(async () => (await client.post(core("configmaps"), body)).body.metadata.name),
  );
  assert.equal(new Set(names).size, 3);
  for (const name of names) assert.match(name, /^gen-[a-z0-9]{5}$/);
});

test("a dry run answers as the real thing and does nothing", async () => {
  const { client } = held;
  const { core } = await newNamespace(client);
  const service = {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "s" },
    spec: { ports: [{ port: 80 }] },
  };
  const tried = await client.post(`${core("services")}?dryRun=All`, service);
  assert.equal(tried.status, 201);
  assert.equal(tried.body.metadata.resourceVersion, undefined);
  assert.equal((await client.get(core("services/s"))).status, 404);
  await client.post(core("configmaps"), configMap("a"));
  await client.call("DELETE", `${core("configmaps/a")}?dryRun=All`);
  assert.equal((await client.get(core("configmaps/a"))).status, 200);
});

test("finalizers hold an object until the last one is gone", async () => {
  const { client } = held;
  const { core } = await newNamespace(client);
  await client.post(core("configmaps"), configMap("f", {}, { finalizers: ["example.com/hold"] }));
  const deleted = await client.delete(core("configmaps/f"));
  assert.equal(deleted.status, 200);
  assert.equal(deleted.body.metadata.deletionGracePeriodSeconds, 0);
  assert.notEqual(deleted.body.metadata.deletionTimestamp, undefined);
  assert.equal((await client.get(core("configmaps/f"))).status, 200);
  const released = await client.patch(core("configmaps/f"), { metadata: { finalizers: null } });
  assert.equal(released.status, 200);
  assert.equal((await client.get(core("configmaps/f"))).status, 404);
});

test("a deletion's propagation leaves its mark for the garbage collector, and preconditions hold", async () => {
  const { client } = held;
  const { core } = await newNamespace(client);
  await client.post(core("configmaps"), configMap("p"));
  const wrong = await client.delete(core("configmaps/p"), { preconditions: { uid: "other" } });
  assert.equal(wrong.status, 409);
  const marked = await client.delete(core("configmaps/p"), { propagationPolicy: "Foreground" });
  assert.deepEqual(marked.body.metadata.finalizers, ["foregroundDeletion"]);
  const bogus = await client.delete(core("configmaps/p"), { propagationPolicy: "Bogus" });
  assert.equal(bogus.status, 422);
});

function pod(name: string, spec: object = {}): object {
  const containers = [{ name: "c", image: "i" }];
  return { apiVersion: "v1", kind: "Pod", metadata: { name }, spec: { containers, ...spec } };
}

test("a pod goes at once without a node, and with its grace period on one", async () => {
  const { client } = held;
  const { core } = await newNamespace(client);
  await client.post(core("pods"), pod("idle"));
  await client.delete(core("pods/idle"));
  assert.equal((await client.get(core("pods/idle"))).status, 404);

  await client.post(core("pods"), pod("busy", { nodeName: "n1", terminationGracePeriodSeconds: 20 }));
  const slow = await client.delete(core("pods/busy"));
  assert.equal(slow.body.metadata.deletionGracePeriodSeconds, 20);
  const longer = await client.delete(core("pods/busy"), { gracePeriodSeconds: 60 });
  assert.equal(longer.body.metadata.deletionGracePeriodSeconds, 20);
  const shorter = await client.delete(core("pods/busy"), { gracePeriodSeconds: 5 });
  assert.equal(shorter.body.metadata.deletionGracePeriodSeconds, 5);
  await client.delete(core("pods/busy"), { gracePeriodSeconds: 0 });
  assert.equal((await client.get(core("pods/busy"))).status, 404);
});

test("a binding gives a pod its node, once", async () => {
  const { client } = held;
  const { core } = await newNamespace(client);
  await client.post(core("pods"), pod("p"));
  const bound = await client.post(core("pods/p/binding"), { target: { kind: "Node", name: "n1" } });
  assert.equal(bound.status, 201);
  const read = (await client.get(core("pods/p"))).body;
  assert.equal(read.spec.nodeName, "n1");
  assert.equal(
    read.status.conditions.find(({ type }: { type: string }) => type === "PodScheduled").status,
    "True",
  );
  const again = await client.post(core("pods/p/binding"), { target: { kind: "Node", name: "n2" } });
  assert.equal(again.status, 409);
});

function deployment(name: string): object {
  const labels = { app: "x" };
  const template = { metadata: { labels }, spec: { containers: [{ name: "c", image: "i" }] } };
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name },
    spec: { replicas: 2, selector: { matchLabels: labels }, template },
  };
}

test("status and scale are written apart from the object", async () => {
  const { client } = held;
  const { apps } = await newNamespace(client);
  await client.post(apps("deployments"), deployment("d"));
  const status = await client.patch(apps("deployments/d/status"), {
    spec: { replicas: 9 },
    status: { replicas: 2 },
  });
  assert.equal(status.body.spec.replicas, 2);
  assert.equal(status.body.status.replicas, 2);
  assert.equal(status.body.metadata.generation, 1);

  const scale = (await client.get(apps("deployments/d/scale"))).body;
  assert.deepEqual(scale.spec, { replicas: 2 });
  assert.deepEqual(scale.status, { replicas: 2, selector: "app=x" });
  const scaled = await client.put(apps("deployments/d/scale"), { ...scale, spec: { replicas: 5 } });
  assert.equal(scaled.body.spec.replicas, 5);
  const stale = await client.put(apps("deployments/d/scale"), { ...scale, spec: { replicas: 7 } });
  assert.equal(stale.status, 409);
  const read = (await client.get(apps("deployments/d"))).body;
  assert.equal(read.spec.replicas, 5);
  assert.equal(read.metadata.generation, 2);
  assert.equal((await client.patch(apps("deployments/d/scale"), { spec: { replicas: -1 } })).status, 422);
});

test("a namespace goes through Terminating, and takes nothing new then", async () => {
  const { client } = held;
  const { core, name } = await newNamespace(client);
  const missing = await client.post("/api/v1/namespaces/nowhere/configmaps", configMap("a"));
  assert.equal(missing.status, 404);
  assert.equal(missing.body.message, 'namespaces "nowhere" not found');
  const deleted = await client.delete(`/api/v1/namespaces/${name}`);
  assert.equal(deleted.body.status.phase, "Terminating");
  const refused = await client.post(core("configmaps"), configMap("a"));
  assert.equal(refused.status, 403);
  assert.equal(
    refused.body.message,
    `configmaps "a" is forbidden: unable to create new content in namespace ${name} because it is being terminated`,
  );
  assert.equal(refused.body.details.causes[0].reason, "NamespaceTerminating");
  const finalized = await client.put(`/api/v1/namespaces/${name}/finalize`, {
    ...deleted.body,
    spec: { finalizers: [] },
  });
  assert.equal(finalized.status, 200);
  assert.equal((await client.get(`/api/v1/namespaces/${name}`)).status, 404);
  assert.equal((await client.delete("/api/v1/namespaces/default")).status, 403);
});

test("deleting a collection takes what is selected", async () => {
  const { client } = held;
  const { core } = await newNamespace(client);
  for (const [name, k] of [
    ["a", "1"],
    ["b", "2"],
    ["c", "1"],
  ]) {
    await client.post(core("configmaps"), configMap(name!, {}, { labels: { k } }));
  }
  const deleted = await client.delete(`${core("configmaps")}?labelSelector=k%3D1`);
  assert.deepEqual(
    deleted.body.items.map(({ metadata }: { metadata: { name: string } }) => metadata.name),
    ["a", "c"],
  );
  const left = (await client.get(core("configmaps"))).body.items;
  assert.deepEqual(
    left.map(({ metadata }: { metadata: { name: string } }) => metadata.name),
    ["b"],
  );
});

test("a Service holds its addresses and ports until it is truly gone", async () => {
  const { client } = held;
  const { core, name: namespace } = await newNamespace(client);
  const spec = { type: "NodePort", ipFamilyPolicy: "RequireDualStack", ports: [{ port: 80 }] };
  const service = {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "s", finalizers: ["example.com/hold"] },
    spec,
  };
  const created = (await client.post(core("services"), service)).body;
  const [v4, v6] = created.spec.clusterIPs;
  const port = created.spec.ports[0].nodePort;
  const address = (await client.get(`/apis/networking.k8s.io/v1/ipaddresses/${v6}`)).body;
  assert.deepEqual(address.spec.parentRef, { group: "", resource: "services", namespace, name: "s" });

  const rival = { ...service, metadata: { name: "rival" }, spec: { ports: [{ port: 80 }], clusterIP: v4 } };
  assert.equal((await client.post(core("services"), rival)).status, 422);
  const portRival = { ...rival, spec: { type: "NodePort", ports: [{ port: 80, nodePort: port }] } };
  assert.equal((await client.post(core("services"), portRival)).status, 422);
  await client.delete(core("services/s"));
  assert.equal((await client.post(core("services"), rival)).status, 422);
  await client.patch(core("services/s"), { metadata: { finalizers: null } });
  assert.equal((await client.get(`/apis/networking.k8s.io/v1/ipaddresses/${v6}`)).status, 404);
  assert.equal((await client.post(core("services"), rival)).status, 201);
  assert.equal((await client.post(core("services"), { ...portRival, metadata: { name: "p" } })).status, 201);
});

test("a refused update of a Service leaves its allocation as it was", async () => {
  const { client } = held;
  const { core } = await newNamespace(client);
  const service = {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "s" },
    spec: { ports: [{ port: 80 }] },
  };
  const created = (await client.post(core("services"), service)).body;
  const dual = { spec: { ipFamilyPolicy: "RequireDualStack", ports: [{ port: 80, name: "Bad_Name" }] } };
  assert.equal((await client.patch(core("services/s"), dual)).status, 422);
  const all = (await client.get("/apis/networking.k8s.io/v1/ipaddresses")).body.items as {
    spec: { parentRef: { namespace: string } };
  }[];
  assert.equal(all.filter(({ spec }) => spec.parentRef.namespace === created.metadata.namespace).length, 1);
});
