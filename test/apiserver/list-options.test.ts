import assert from "node:assert/strict";
import { test } from "node:test";
import { configMap, newNamespace, useServer } from "./harness.ts";

const held = useServer();

const MATCH = "resourceVersionMatch: Forbidden:";

/** Queries of lists and watches, and the message of the answer: those of apimachinery's ValidateListOptions. */
const REFUSED: readonly (readonly [query: string, code: number, message: string])[] = [
  [
    "resourceVersionMatch=Exact",
    422,
    `${MATCH} resourceVersionMatch is forbidden unless resourceVersion is provided`,
  ],
  [
    "resourceVersionMatch=Exact&resourceVersion=0",
    422,
    `${MATCH} resourceVersionMatch "exact" is forbidden for resourceVersion "0"`,
  ],
  [
    "resourceVersionMatch=Exact&resourceVersion=1&continue=a",
    422,
    `${MATCH} resourceVersionMatch is forbidden when continue is provided`,
  ],
  [
    "resourceVersionMatch=Never&resourceVersion=1",
    422,
    'resourceVersionMatch: Unsupported value: "Never": supported values: "Exact", "NotOlderThan", ""',
  ],
  ["sendInitialEvents=true", 422, "sendInitialEvents: Forbidden: sendInitialEvents is forbidden for list"],
  [
    "watch=1&sendInitialEvents=true",
    422,
    `${MATCH} sendInitialEvents requires setting resourceVersionMatch to NotOlderThan`,
  ],
  [
    "watch=1&resourceVersionMatch=NotOlderThan",
    422,
    `${MATCH} resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided`,
  ],
  [
    "watch=1&sendInitialEvents=true&resourceVersionMatch=Exact",
    422,
    `[${MATCH} sendInitialEvents requires setting resourceVersionMatch to NotOlderThan, resourceVersionMatch: Unsupported value: "Exact": supported values: "NotOlderThan"]`,
  ],
  ["watch=1&continue=a", 422, `${MATCH} resourceVersionMatch is forbidden when continue is provided`],
  ["limit=many", 400, 'strconv.ParseInt: parsing "many": invalid syntax'],
  [
    "resourceVersion=new",
    400,
    'resourceVersion: Invalid value: "new": strconv.ParseUint: parsing "new": invalid syntax',
  ],
  [
    "continue=e30",
    400,
    "invalid continue token: continue key is not valid: server does not recognize this encoded version",
  ],
  [
    "fieldSelector=data.a%3D1",
    400,
    '"data.a" is not a known field selector: only "metadata.name", "metadata.namespace"',
  ],
  ["fieldSelector=metadata.name", 400, "invalid selector: 'metadata.name'; can't understand 'metadata.name'"],
];

test("options that cannot be read or do not go together are refused in the server's words", async () => {
  const { core } = await newNamespace(held.client);
  for (const [query, code, message] of REFUSED) {
    const { body } = await held.client.get(`${core("configmaps")}?${query}`);
    const prefix = code === 422 ? 'ListOptions.meta.k8s.io "" is invalid: ' : "";
    assert.equal(body?.message, prefix + message, query);
    assert.equal(body.code, code, query);
    assert.equal(body.reason, code === 422 ? "Invalid" : "BadRequest", query);
  }
});

test("kinds that know more fields name those they do not know", async () => {
  for (const plural of ["pods", "nodes", "namespaces", "services", "secrets", "events"]) {
    const { body } = await held.client.get(`/api/v1/${plural}?fieldSelector=spec.foo%3D1`);
    assert.equal(body.message, "field label not supported: spec.foo", plural);
  }
});

test("pages from a version without a match are of that version", async () => {
  const { client } = held;
  const { core } = await newNamespace(client);
  const first = (await client.post(core("configmaps"), configMap("a"))).body;
  await client.post(core("configmaps"), configMap("b"));
  const at = `resourceVersion=${first.metadata.resourceVersion}`;
  const page = (await client.get(`${core("configmaps")}?limit=5&${at}`)).body;
  assert.deepEqual(page.items.length, 1);
  const whole = (await client.get(`${core("configmaps")}?${at}`)).body;
  assert.deepEqual(whole.items.length, 2);
});

test("a read of a version to come is told to try again", async () => {
  const { body } = await held.client.get("/api/v1/namespaces/default?resourceVersion=999999999");
  assert.equal(body.code, 504);
  assert.equal(body.details.retryAfterSeconds, 1);
});

test("a watch from no version marks the end of the state where bookmarks are wanted", async () => {
  const { client } = held;
  const { core } = await newNamespace(client);
  await client.post(core("configmaps"), configMap("a"));
  const watch = await client.watch(
    `${core("configmaps")}?watch=1&allowWatchBookmarks=true&timeoutSeconds=60`,
  );
  await watch.count(2);
  watch.stop();
  assert.deepEqual(
    watch.events.map(({ type }) => type),
    ["ADDED", "BOOKMARK"],
  );
  const annotations = watch.events[1]!.object.metadata.annotations;
  assert.deepEqual(annotations, { "k8s.io/initial-events-end": "true" });
});

test("deleting a collection by options that are wrong deletes nothing", async () => {
  const { client } = held;
  const { core } = await newNamespace(client);
  await client.post(core("configmaps"), configMap("a"));
  const refused = await client.delete(`${core("configmaps")}?resourceVersionMatch=Exact`);
  assert.equal(refused.status, 422);
  assert.equal((await client.get(core("configmaps/a"))).status, 200);
});
