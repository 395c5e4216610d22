import assert from "node:assert/strict";
import { test } from "node:test";
import { createIn } from "../../src/apiserver/registry/write.ts";
import { KINDS } from "../../src/objects/kinds.ts";
import { createMemoryStore } from "../../src/store/memory.ts";
import { configMap, newNamespace, useServer } from "./harness.ts";

const held = useServer();
const DEPLOYMENT = {
  ...{ apiVersion: "apps/v1", kind: "Deployment", metadata: { name: "d" } },
  spec: {
    selector: { matchLabels: { a: "b" } },
    template: { metadata: { labels: { a: "b" } }, spec: { containers: [{ name: "c", image: "i" }] } },
  },
};

test("what is created has no version, and gets a uid of the server's", async () => {
  const { client } = held;
  const { core } = await newNamespace(client);
  const refused = await client.post(core("configmaps"), configMap("a", {}, { resourceVersion: "5" }));
  assert.equal(refused.status, 400);
  assert.equal(refused.body.message, "resourceVersion should not be set on objects to be created");
  assert.equal(
    (await client.post(core("configmaps"), configMap("a", {}, { resourceVersion: "0" }))).status,
    201,
  );
  const other = (await client.post(core("configmaps"), configMap("b", {}, { uid: "mine" }))).body;
  assert.notEqual(other.metadata.uid, "mine");
});

test("PUT creates objects of some kinds and not of others", async () => {
  const { client } = held;
  const { name, core, apps } = await newNamespace(client);
  const put = async (path: string, apiVersion: string, kind: string, more: object = {}): Promise<number> =>
    (await client.put(`${path}/x`, { apiVersion, kind, metadata: { name: "x" }, ...more })).status;
  const leases = `/apis/coordination.k8s.io/v1/namespaces/${name}/leases`;
  assert.equal(await put(leases, "coordination.k8s.io/v1", "Lease"), 201);
  assert.equal(await put(core("services"), "v1", "Service", { spec: { ports: [{ port: 80 }] } }), 201);
  assert.equal(await put(core("endpoints"), "v1", "Endpoints"), 201);
  assert.equal(await put(core("configmaps"), "v1", "ConfigMap"), 404);
  assert.equal(await put(core("serviceaccounts"), "v1", "ServiceAccount"), 404);
  assert.equal(await put(apps("deployments"), "apps/v1", "Deployment", { spec: DEPLOYMENT.spec }), 404);
});

test("a deletion that goes on is 202 for the old orphanDependents=false only", async () => {
  const { client } = held;
  const { core } = await newNamespace(client);
  for (const name of ["a", "b"])
    await client.post(core("configmaps"), configMap(name, {}, { finalizers: ["x.io/a"] }));
  assert.equal((await client.delete(core("configmaps/a"), { orphanDependents: false })).status, 202);
  assert.equal((await client.delete(core("configmaps/b"), { propagationPolicy: "Background" })).status, 200);
});

test("an eviction names its pod, and can be tried", async () => {
  const { client } = held;
  const { core } = await newNamespace(client);
  const spec = { containers: [{ name: "c", image: "i" }] };
  await client.post(core("pods"), { apiVersion: "v1", kind: "Pod", metadata: { name: "p" }, spec });
  const evict = (name: string, query = "") =>
    client.post(`${core("pods/p/eviction")}${query}`, {
      apiVersion: "policy/v1",
      kind: "Eviction",
      metadata: { name },
    });
  const refused = await evict("q");
  assert.equal(refused.body.message, "name in URL does not match name in Eviction object");
  assert.equal((await evict("p", "?dryRun=All")).status, 201);
  assert.equal((await client.get(core("pods/p"))).status, 200);
  assert.equal((await evict("p")).status, 201);
  assert.equal((await client.get(core("pods/p"))).status, 404);
});

test("scale and status know conflicts, names and dry runs", async () => {
  const { client } = held;
  const { apps } = await newNamespace(client);
  await client.post(apps("deployments"), DEPLOYMENT);
  const scale = (name: string, more: object = {}) => ({
    ...{ apiVersion: "autoscaling/v1", kind: "Scale", metadata: { name, ...more }, spec: { replicas: 7 } },
  });
  const path = apps("deployments/d/scale");
  const stale = await client.put(path, scale("d", { resourceVersion: "1" }));
  assert.match(
    stale.body.message,
    /^Operation cannot be fulfilled on deployments.apps "d": the object has been/,
  );
  const misnamed = await client.put(path, scale("x"));
  assert.equal(misnamed.body.message, "the name of the object (x) does not match the name on the URL (d)");
  assert.equal((await client.put(`${path}?dryRun=All`, scale("d"))).body.spec.replicas, 7);
  assert.equal((await client.get(path)).body.spec.replicas, 1);
  const status = { ...DEPLOYMENT, metadata: { name: "d", resourceVersion: "1" }, status: { replicas: 1 } };
  assert.equal((await client.put(apps("deployments/d/status"), status)).status, 409);
});

test("debugging adds ephemeral containers to a pod, and changes nothing else", async () => {
  const { client } = held;
  const { core } = await newNamespace(client);
  const spec = { containers: [{ name: "c", image: "i" }] };
  await client.post(core("pods"), { apiVersion: "v1", kind: "Pod", metadata: { name: "p" }, spec });
  const path = core("pods/p/ephemeralcontainers");
  const patch = (body: object) =>
    client.patch(path, { spec: body }, "application/strategic-merge-patch+json");
  const added = await patch({ ephemeralContainers: [{ name: "d", image: "i" }], nodeName: "n" });
  assert.equal(added.status, 200, added.text);
  assert.equal(added.body.spec.ephemeralContainers[0].name, "d");
  assert.equal(added.body.spec.nodeName, undefined);
  assert.equal(added.body.metadata.generation, 2);
  const changed = await patch({ ephemeralContainers: [{ name: "d", image: "other" }] });
  assert.match(changed.body.message, /existing ephemeral containers "d" may not be changed/);
  const twice = await patch({ ephemeralContainers: [{ name: "c", image: "i" }] });
  assert.match(twice.body.message, /spec.ephemeralContainers\[\d\].name: Duplicate value: "c"/);
  const atOnce = { ...spec, ephemeralContainers: [{ name: "d", image: "i" }] };
  const refused = await client.post(core("pods"), {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "q" },
    spec: atOnce,
  });
  assert.match(refused.body.message, /spec.ephemeralContainers: Forbidden: cannot be set on create/);
});

test("a generated name that is taken is made anew", async () => {
  const store = createMemoryStore();
  // nothing but the store and the clock is asked of the context
  const context = { store, now: () => new Date() } as unknown as Parameters<typeof createIn>[0];
  const place = { kind: KINDS.Node, namespace: undefined, dryRun: false };
  const random = Math.random;
  const names: string[] = [];
  try {
    let calls = 0;
    // the suffix has five letters: the second object draws the first one's before its own
    Math.random = () => (calls++ < 10 ? 0 : 0.5);
    await store.transact((tx) => {
      for (let at = 0; at < 2; at++) {
        const object = {
          apiVersion: "v1",
          kind: "Node",
          metadata: { name: "", generateName: "n-" },
          spec: {},
        };
        createIn(context, tx, place, object);
        names.push(object.metadata.name);
      }
    });
  } finally {
    Math.random = random;
    await store.close();
  }
  assert.equal(new Set(names).size, 2);
});
