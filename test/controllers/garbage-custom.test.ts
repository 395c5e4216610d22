import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { ServedKind } from "../../src/client/index.ts";
import { type Kind, KINDS } from "../../src/objects/kinds.ts";
import { ApiError } from "../../src/objects/status.ts";
import type { AnyObject, Namespace } from "../../src/objects/types.ts";
import { eventually, itemsOf, startCluster, type TestCluster } from "./cluster.ts";
import { define, definition, gatewayDefinition, ownedBy } from "./custom-kinds.ts";

let cluster: TestCluster;
let widgets: ServedKind;

before(async () => {
  cluster = await startCluster();
  widgets = await define(cluster.client, definition("widgets"));
});

after(() => cluster.close());

async function namespace(name: string): Promise<string> {
  await cluster.client.create<Namespace>(KINDS.Namespace, { metadata: { name } });
  return name;
}

function make(kind: Kind, name: string, namespace: string, owners: object[] = [], more: object = {}) {
  const { finalizers, ...rest } = more as { finalizers?: string[] };
  const metadata = { name, namespace, ownerReferences: owners, ...(finalizers ? { finalizers } : {}) };
  return cluster.client.create<AnyObject>(kind, { metadata, ...rest });
}

async function exists(kind: Kind, name: string, namespace?: string): Promise<boolean> {
  try {
    await cluster.client.get(kind, name, namespace);
    return true;
  } catch (error) {
    if (error instanceof ApiError && error.code === 404) return false;
    throw error;
  }
}

const gone = (kind: Kind, name: string, namespace?: string) =>
  eventually(
    () => exists(kind, name, namespace),
    (found) => !found,
  );

const DEPLOYMENT = {
  spec: {
    replicas: 1,
    selector: { matchLabels: { app: "x" } },
    template: { metadata: { labels: { app: "x" } }, spec: { containers: [{ name: "c", image: "i" }] } },
  },
};

test("a Deployment goes with the custom object that owns it, and all that it made", async () => {
  const name = await namespace("custom-owner");
  const owner = await make(widgets, "owner", name);
  await make(KINDS.Deployment, "web", name, [ownedBy(widgets, owner)], DEPLOYMENT);
  await eventually(
    () => itemsOf(cluster.client, KINDS.ReplicaSet, name),
    (items) => items.length === 1,
  );
  await cluster.client.delete(widgets, "owner", name);
  await gone(KINDS.Deployment, "web", name);
  await eventually(
    () => itemsOf(cluster.client, KINDS.ReplicaSet, name),
    (items) => items.length === 0,
  );
});

test("custom objects go with a ConfigMap, and with one another; an owner that never was takes them along", async () => {
  const name = await namespace("custom-owned");
  const map = await make(KINDS.ConfigMap, "map", name);
  const first = await make(widgets, "first", name, [ownedBy(KINDS.ConfigMap, map)]);
  await make(widgets, "second", name, [ownedBy(widgets, first)]);
  await make(widgets, "other", name);
  await cluster.client.delete(KINDS.ConfigMap, "map", name);
  await gone(widgets, "first", name);
  await gone(widgets, "second", name);
  assert.ok(await exists(widgets, "other", name));
  const never = { ...first, metadata: { ...first.metadata, uid: "00000000-0000-0000-0000-000000000000" } };
  await make(widgets, "lost", name, [ownedBy(widgets, never)]);
  await gone(widgets, "lost", name);
});

test("in the foreground an owner waits for its custom objects, and a custom owner for what it owns", async () => {
  const name = await namespace("custom-foreground");
  const map = await make(KINDS.ConfigMap, "map", name);
  const held = ["example.com/hold"];
  const middle = await make(widgets, "middle", name, [ownedBy(KINDS.ConfigMap, map)]);
  await make(widgets, "leaf", name, [ownedBy(widgets, middle)], { finalizers: held });
  await eventually(
    async () => (await cluster.client.get<AnyObject>(widgets, "leaf", name)).metadata.uid,
    (uid) => uid !== undefined,
  );
  await cluster.client.delete(KINDS.ConfigMap, "map", name, { propagationPolicy: "Foreground" });
  const leaf = () => cluster.client.get<AnyObject>(widgets, "leaf", name);
  await eventually(leaf, ({ metadata }) => metadata.deletionTimestamp !== undefined);
  assert.ok(await exists(widgets, "middle", name), "it waits for the leaf");
  assert.ok(await exists(KINDS.ConfigMap, "map", name), "it waits for the middle");
  await cluster.client.patch(widgets, "leaf", name, { metadata: { finalizers: null } }, { type: "merge" });
  for (const [kind, of] of [
    [widgets, "leaf"],
    [widgets, "middle"],
    [KINDS.ConfigMap, "map"],
  ] as const)
    await gone(kind, of, name);
});

test("orphaned by a custom owner or as custom objects, they stay without the reference", async () => {
  const name = await namespace("custom-orphan");
  const owner = await make(widgets, "owner", name);
  const map = await make(KINDS.ConfigMap, "map", name, [ownedBy(widgets, owner)]);
  await make(widgets, "leaf", name, [ownedBy(KINDS.ConfigMap, map)]);
  const ownersOf = async (kind: Kind, of: string) =>
    (await cluster.client.get<AnyObject>(kind, of, name)).metadata.ownerReferences;
  await cluster.client.delete(widgets, "owner", name, { propagationPolicy: "Orphan" });
  await gone(widgets, "owner", name);
  assert.equal(await ownersOf(KINDS.ConfigMap, "map"), undefined);
  await cluster.client.delete(KINDS.ConfigMap, "map", name, { propagationPolicy: "Orphan" });
  await gone(KINDS.ConfigMap, "map", name);
  assert.equal(await ownersOf(widgets, "leaf"), undefined);
});

test("with a definition go its objects and what they own; others of its kind come back with it", async () => {
  const { client } = cluster;
  const name = await namespace("custom-gone");
  const gadgets = await define(client, definition("gadgets"));
  const owner = await make(gadgets, "owner", name);
  const map = await make(KINDS.ConfigMap, "map", name, [ownedBy(gadgets, owner)]);
  await make(gadgets, "leaf", name, [ownedBy(KINDS.ConfigMap, map)]);
  const many = Array.from({ length: 40 }, (_, index) => `many-${index}`);
  await Promise.all(
    many.map(async (of) => make(KINDS.Secret, of, name, [ownedBy(gadgets, await make(gadgets, of, name))])),
  );
  await client.delete(KINDS.CustomResourceDefinition, "gadgets.example.com");
  await gone(KINDS.CustomResourceDefinition, "gadgets.example.com");
  await gone(KINDS.ConfigMap, "map", name);
  await eventually(
    () => itemsOf(client, KINDS.Secret, name),
    (items) => items.length === 0,
  );
  const again = await define(client, definition("gadgets"));
  const holder = await make(KINDS.ConfigMap, "holder", name);
  await make(again, "leaf", name, [ownedBy(KINDS.ConfigMap, holder)]);
  await client.delete(KINDS.ConfigMap, "holder", name);
  await gone(again, "leaf", name);
  await client.delete(KINDS.CustomResourceDefinition, "gadgets.example.com");
});

test("an owner of a kind that is not served keeps its objects, until the kind is there and the owner is not", async () => {
  const { client } = cluster;
  const name = await namespace("custom-unknown");
  const uid = "11111111-1111-1111-1111-111111111111";
  const owner = { apiVersion: "example.com/v1", kind: "Gizmo", name: "never", uid };
  await make(KINDS.ConfigMap, "map", name, [owner]);
  await make(KINDS.ConfigMap, "later", name, [{ ...owner, apiVersion: "v1", kind: "Secret" }]);
  await gone(KINDS.ConfigMap, "later", name);
  assert.ok(await exists(KINDS.ConfigMap, "map", name));
  await define(client, definition("gizmos"));
  await gone(KINDS.ConfigMap, "map", name);
});

test("a kind is followed on while its preferred version changes, and what goes meanwhile is noticed", async () => {
  const { client } = cluster;
  const name = await namespace("custom-version");
  const old = await define(client, definition("tools", "Namespaced", "v1beta1"));
  const owners = await Promise.all(["a", "b"].map((of) => make(old, of, name)));
  for (const owner of owners)
    await make(KINDS.ConfigMap, `of-${owner.metadata.name}`, name, [ownedBy(old, owner)]);
  type Versioned = AnyObject & { spec: { versions: object[] } };
  const crd = await client.get<Versioned>(KINDS.CustomResourceDefinition, "tools.example.com");
  const [version] = crd.spec.versions;
  crd.spec.versions = [version!, { ...version, name: "v1", storage: false }];
  await client.update(KINDS.CustomResourceDefinition, crd);
  await client.delete(old, "a", name);
  await gone(KINDS.ConfigMap, "of-a", name);
  const current = { ...old, version: "v1" };
  await eventually(
    () => itemsOf(client, current, name).catch(() => []),
    (items) => items.length === 1,
  );
  await client.delete(current, "b", name);
  await gone(KINDS.ConfigMap, "of-b", name);
});

test("a cluster-wide custom object owns objects of all namespaces, and stays whatever in a namespace it names", async () => {
  const { client } = cluster;
  const name = await namespace("custom-wide");
  const wide = await define(client, definition("planets", "Cluster"));
  const earth = await client.create<AnyObject>(wide, { metadata: { name: "earth" } });
  await make(widgets, "moon", name, [ownedBy(wide, earth)]);
  const map = await make(KINDS.ConfigMap, "map", name);
  const ownerReferences = [ownedBy(KINDS.ConfigMap, map)];
  await client.create(wide, { metadata: { name: "wrong", ownerReferences } });
  await client.delete(wide, "earth");
  await gone(widgets, "moon", name);
  assert.ok(await exists(wide, "wrong"));
});

test("a namespace goes with custom objects of all versions that are served, of the Gateway API too", async () => {
  const { client } = cluster;
  const name = await namespace("custom-doomed");
  const gateways = await define(client, gatewayDefinition("gateways"));
  const routes = await define(client, gatewayDefinition("tcproutes"));
  const drafts = await define(client, definition("drafts", "Namespaced", "v1alpha1"));
  await make(drafts, "draft", name);
  const listeners = [{ name: "http", port: 80, protocol: "HTTP" }];
  await make(gateways, "gateway", name, [], { spec: { gatewayClassName: "tandem", listeners } });
  const rules = [{ backendRefs: [{ name: "web", port: 80 }] }];
  await make(routes, "route", name, [], { spec: { rules } });
  await make(widgets, "held", name, [], { finalizers: ["example.com/hold"] });
  await client.delete(KINDS.Namespace, name);
  const conditionOf = ({ status }: Namespace, type: string) =>
    status?.conditions?.find((condition) => condition.type === type);
  const waiting = await eventually(
    () => client.get<Namespace>(KINDS.Namespace, name),
    (of) =>
      conditionOf(of, "NamespaceContentRemaining")?.message ===
      "Some resources are remaining: widgets.example.com has 1 resource instances",
  );
  assert.equal(
    conditionOf(waiting, "NamespaceFinalizersRemaining")?.message,
    "Some content in the namespace has finalizers remaining: example.com/hold in 1 resource instances",
  );
  assert.equal(conditionOf(waiting, "NamespaceDeletionDiscoveryFailure")?.status, "False");
  await client.patch(widgets, "held", name, { metadata: { finalizers: null } }, { type: "merge" });
  await gone(KINDS.Namespace, name);
  for (const kind of [gateways, routes, drafts, widgets])
    assert.deepEqual(await itemsOf(client, kind, name), []);
});

test("nothing of all this was worth a complaint", () => {
  assert.deepEqual(cluster.log, []);
});
