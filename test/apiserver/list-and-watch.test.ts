import assert from "node:assert/strict";
import { test } from "node:test";
import { configMap, newNamespace, startTestServer, useServer } from "./harness.ts";

const held = useServer();

interface Named {
  readonly metadata: { readonly name: string; readonly resourceVersion: string };
}
const names = (items: readonly Named[]): string[] => items.map(({ metadata }) => metadata.name);

test("a list comes in pages of one state, whatever changes meanwhile", async () => {
  const { client } = held;
  const { core } = await newNamespace(client);
  for (const name of ["a", "b", "c", "d", "e"]) await client.post(core("configmaps"), configMap(name));
  const first = (await client.get(`${core("configmaps")}?limit=2`)).body;
  assert.deepEqual(names(first.items), ["a", "b"]);
  assert.equal(first.metadata.remainingItemCount, 3);
  assert.equal(first.items[0].kind, undefined);
  await client.delete(core("configmaps/d"));
  await client.post(core("configmaps"), configMap("bb"));
  const second = (await client.get(`${core("configmaps")}?limit=2&continue=${first.metadata.continue}`)).body;
  assert.deepEqual(names(second.items), ["c", "d"]);
  assert.equal(second.metadata.resourceVersion, first.metadata.resourceVersion);
  const third = (await client.get(`${core("configmaps")}?limit=2&continue=${second.metadata.continue}`)).body;
  assert.deepEqual(names(third.items), ["e"]);
  assert.equal(third.metadata.continue, undefined);
});

test("a page with a selector is filled up, and does not count what is left", async () => {
  const { client } = held;
  const { core } = await newNamespace(client);
  for (let at = 0; at < 9; at++) {
    await client.post(core("configmaps"), configMap(`c${at}`, {}, { labels: { odd: String(at % 2) } }));
  }
  const page = (await client.get(`${core("configmaps")}?limit=3&labelSelector=odd%3D1`)).body;
  assert.deepEqual(names(page.items), ["c1", "c3", "c5"]);
  assert.equal(page.metadata.remainingItemCount, undefined);
  const next = (
    await client.get(`${core("configmaps")}?limit=3&labelSelector=odd%3D1&continue=${page.metadata.continue}`)
  ).body;
  assert.deepEqual(names(next.items), ["c7"]);
});

test("lists know versions: exact ones, future ones, ones that are gone", async () => {
  const { client } = held;
  const { core } = await newNamespace(client);
  const created = (await client.post(core("configmaps"), configMap("a"))).body as Named;
  await client.post(core("configmaps"), configMap("b"));
  const at = created.metadata.resourceVersion;
  const old = await client.get(`${core("configmaps")}?resourceVersion=${at}&resourceVersionMatch=Exact`);
  assert.deepEqual(names(old.body.items), ["a"]);
  const future = await client.get(`${core("configmaps")}?resourceVersion=999999999`);
  assert.equal(future.status, 504);
  assert.equal(future.body.details.causes[0].reason, "ResourceVersionTooLarge");
  const bogus = await client.get(`${core("configmaps")}?continue=bogus`);
  assert.equal(bogus.status, 400);
  assert.equal(
    (await client.get(`${core("configmaps")}?limit=-1`)).body.items.length,
    2,
    "no limit, as in Go",
  );
});

test("a watch tells every change, in order, from the version asked for", async () => {
  const { client } = held;
  const { core } = await newNamespace(client);
  const first = (await client.post(core("configmaps"), configMap("a"))).body as Named;
  await client.patch(core("configmaps/a"), { data: { b: "2" } });
  const watch = await client.watch(
    `${core("configmaps")}?watch=true&resourceVersion=${first.metadata.resourceVersion}`,
  );
  await client.post(core("configmaps"), configMap("b"));
  await client.delete(core("configmaps/a"));
  await watch.count(3);
  assert.deepEqual(
    watch.events.map(({ type, object }) => `${type} ${object.metadata.name}`),
    ["MODIFIED a", "ADDED b", "DELETED a"],
  );
  const versions = watch.events.map(({ object }) => Number(object.metadata.resourceVersion));
  assert.deepEqual(
    versions,
    versions.toSorted((x, y) => x - y),
  );
  assert.equal(watch.events[2]!.object.kind, "ConfigMap");
  watch.stop();
});

test("a watch with a selector sees objects come in and go out of it", async () => {
  const { client } = held;
  const { core } = await newNamespace(client);
  await client.post(core("configmaps"), configMap("a", {}, { labels: { k: "no" } }));
  const watch = await client.watch(`${core("configmaps")}?watch=1&labelSelector=k%3Dyes`);
  await client.patch(core("configmaps/a"), { metadata: { labels: { k: "yes" } } });
  await client.patch(core("configmaps/a"), { data: { x: "1" } });
  await client.patch(core("configmaps/a"), { metadata: { labels: { k: "no" } } });
  await client.delete(core("configmaps/a"));
  await client.post(core("configmaps"), configMap("z", {}, { labels: { k: "yes" } }));
  await watch.count(4);
  assert.deepEqual(
    watch.events.map(({ type, object }) => `${type} ${object.metadata.name}`),
    ["ADDED a", "MODIFIED a", "DELETED a", "ADDED z"],
  );
  watch.stop();
});

test("a watch without a version starts with the state; of one name it sees that one only", async () => {
  const { client } = held;
  const { core } = await newNamespace(client);
  for (const name of ["a", "ab"]) await client.post(core("configmaps"), configMap(name));
  const watch = await client.watch(`${core("configmaps")}?watch=true&fieldSelector=metadata.name%3Da`);
  await client.patch(core("configmaps/ab"), { data: { x: "1" } });
  await client.patch(core("configmaps/a"), { data: { x: "1" } });
  await watch.count(2);
  assert.deepEqual(
    watch.events.map(({ type, object }) => `${type} ${object.metadata.name}`),
    ["ADDED a", "MODIFIED a"],
  );
  watch.stop();
});

test("WatchList sends the state, then a bookmark that says so", async () => {
  const { client } = held;
  const { core } = await newNamespace(client);
  await client.post(core("configmaps"), configMap("a"));
  const query =
    "watch=true&sendInitialEvents=true&allowWatchBookmarks=true&resourceVersionMatch=NotOlderThan";
  const watch = await client.watch(`${core("configmaps")}?${query}`);
  await watch.count(2);
  const [added, bookmark] = watch.events;
  assert.equal(added!.type, "ADDED");
  assert.equal(bookmark!.type, "BOOKMARK");
  assert.equal(bookmark!.object.metadata.annotations!["k8s.io/initial-events-end"], "true");
  assert.ok(
    Number(bookmark!.object.metadata.resourceVersion) >= Number(added!.object.metadata.resourceVersion),
  );
  watch.stop();
  const refused = await client.get(`${core("configmaps")}?watch=true&sendInitialEvents=true`);
  assert.equal(refused.status, 422);
});

test("a watch ends after timeoutSeconds, with a bookmark where they are wanted", async () => {
  const { client } = held;
  const { core } = await newNamespace(client);
  const watch = await client.watch(
    `${core("configmaps")}?watch=true&timeoutSeconds=1&allowWatchBookmarks=true`,
  );
  await watch.ended;
  assert.deepEqual(
    watch.events.map(({ type }) => type),
    ["BOOKMARK", "BOOKMARK"],
    "at the end of the state, and at the end of the watch",
  );
});

test("a watch can carry tables and metadata alone", async () => {
  const { client } = held;
  const { core } = await newNamespace(client);
  const accept = "application/json;as=Table;v=v1;g=meta.k8s.io";
  const tables = await client.watch(`${core("configmaps")}?watch=true`, { accept });
  const partial = await client.watch(`${core("configmaps")}?watch=true`, {
    accept: "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io",
  });
  for (const name of ["a", "b"]) await client.post(core("configmaps"), configMap(name));
  await Promise.all([tables.count(2), partial.count(2)]);
  const [first, second] = tables.events.map(({ object }) => object);
  assert.equal(first!.kind, "Table");
  assert.equal(first!["columnDefinitions"][0].name, "Name");
  assert.equal(second!["columnDefinitions"], null);
  assert.equal(second!["rows"][0].cells[0], "b");
  assert.equal(partial.events[0]!.object.kind, "PartialObjectMetadata");
  assert.equal(partial.events[0]!.object["data"], undefined);
  tables.stop();
  partial.stop();
});

test("behind the history a watch says Expired in its stream, and a list's continuation is gone", async () => {
  const { client, undo } = await startTestServer({ historyLimit: 10 });
  try {
    const { core } = await newNamespace(client);
    await client.post(core("configmaps"), configMap("a"));
    await client.post(core("configmaps"), configMap("b"));
    const page = (await client.get(`${core("configmaps")}?limit=1`)).body;
    for (let at = 0; at < 30; at++) await client.patch(core("configmaps/a"), { data: { at: String(at) } });
    const watch = await client.watch(`${core("configmaps")}?watch=true&resourceVersion=3`);
    await watch.ended;
    assert.equal(watch.events[0]!.type, "ERROR");
    assert.equal(watch.events[0]!.object["code"], 410);
    assert.equal(watch.events[0]!.object["reason"], "Expired");
    const next = await client.get(`${core("configmaps")}?limit=1&continue=${page.metadata.continue}`);
    assert.equal(next.status, 410);
    assert.equal(next.body.reason, "Expired");
    const rest = await client.get(`${core("configmaps")}?continue=${next.body.metadata.continue}`);
    assert.deepEqual(names(rest.body.items), ["b"], "the rest can be had in another state");
  } finally {
    await undo();
  }
});

test("closing the server ends its watches", async () => {
  const { client, undo } = await startTestServer();
  const watch = await client.watch("/api/v1/configmaps?watch=true");
  await undo();
  await watch.ended;
});
