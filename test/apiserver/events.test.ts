import assert from "node:assert/strict";
import { test } from "node:test";
import { newNamespace, useServer } from "./harness.ts";

const held = useServer();
const TIME = "2026-01-01T00:00:00.000000Z";

/** An Event as the recorder of client-go's tools/events sends it. */
function event(namespace: string, more: object = {}): object {
  return {
    ...{ apiVersion: "events.k8s.io/v1", kind: "Event", metadata: { name: "e", namespace }, eventTime: TIME },
    ...{
      reportingController: "x.io/c",
      reportingInstance: "c-1",
      action: "Doing",
      reason: "Done",
      type: "Normal",
    },
    ...{ regarding: { kind: "Pod", name: "p", namespace }, note: "it is done", ...more },
  };
}

async function paths(): Promise<{ name: string; core: string; events: string }> {
  const { name, core } = await newNamespace(held.client);
  return { name, core: core("events"), events: `/apis/events.k8s.io/v1/namespaces/${name}/events` };
}

test("Events are the same under both groups, each in its own words", async () => {
  const { client } = held;
  const { name, core, events } = await paths();
  const created = await client.post(events, event(name));
  assert.equal(created.status, 201);
  assert.equal(created.body.apiVersion, "events.k8s.io/v1");
  assert.equal(created.body.note, "it is done");
  const old = (await client.get(`${core}/e`)).body;
  assert.equal(old.apiVersion, "v1");
  assert.equal(old.message, "it is done");
  assert.equal(old.involvedObject.name, "p");
  assert.equal(old.reportingComponent, "x.io/c");
  const listed = (await client.get(`${events}?fieldSelector=regarding.name%3Dp`)).body;
  assert.equal(listed.kind, "EventList");
  assert.equal(listed.apiVersion, "events.k8s.io/v1");
  assert.equal(listed.items[0].regarding.name, "p");
  assert.equal(listed.items[0].kind, undefined);
  assert.equal(listed.items[0].message, undefined);
  assert.deepEqual((await client.get(`${events}?fieldSelector=regarding.name%3Dq`)).body.items, []);
  assert.equal((await client.delete(`${events}/e`)).status, 200);
  assert.equal((await client.get(`${core}/e`)).status, 404);
});

test("an Event of core/v1 is seen by watches of events.k8s.io, bookmarks and all", async () => {
  const { client } = held;
  const { name, core, events } = await paths();
  const watch = await client.watch(`${events}?watch=1&allowWatchBookmarks=true`);
  await watch.count(1);
  const subject = { kind: "Pod", name: "p", namespace: name };
  await client.post(core, {
    apiVersion: "v1",
    kind: "Event",
    metadata: { name: "e" },
    involvedObject: subject,
    message: "m",
    count: 2,
  });
  await watch.count(2);
  watch.stop();
  const [bookmark, added] = watch.events.map(({ object }) => object);
  assert.equal(bookmark!.apiVersion, "events.k8s.io/v1");
  assert.equal(added!.apiVersion, "events.k8s.io/v1");
  assert.equal(added!["note"], "m");
  assert.equal(added!["deprecatedCount"], 2);
});

test("only the series of an Event can be changed, by patches in the words of events.k8s.io", async () => {
  const { client } = held;
  const { name, core, events } = await paths();
  await client.post(events, event(name));
  const series = { count: 3, lastObservedTime: TIME };
  const patched = await client.patch(`${events}/e`, { series }, "application/strategic-merge-patch+json");
  assert.deepEqual(patched.body.series, series);
  assert.deepEqual((await client.get(`${core}/e`)).body.series, series);
  const refused = await client.patch(`${events}/e`, { note: "another" });
  assert.equal(
    refused.body.message,
    'Event "e" is invalid: message: Invalid value: "another": field is immutable',
  );
  const whole = (await client.get(`${events}/e`)).body;
  assert.equal(
    (await client.put(`${events}/e`, { ...whole, series: { ...series, count: 4 } })).body.series.count,
    4,
  );
  const applied = { ...event(name), metadata: { name: "a" } };
  const answer = await client.call("PATCH", `${events}/a?fieldManager=me`, {
    body: applied,
    type: "application/apply-patch+yaml",
  });
  assert.equal(answer.status, 201);
  assert.equal(answer.body.regarding.name, "p");
});

test("an Event of events.k8s.io must be whole", async () => {
  const { client } = held;
  const { name, events } = await paths();
  const cases: readonly (readonly [object, string])[] = [
    [{ type: "Odd" }, 'type: Invalid value: "": has invalid value: Odd'],
    [{ action: "" }, "action: Required value"],
    [
      { reportingInstance: "x".repeat(129) },
      'reportingInstance: Invalid value: "": can have at most 128 characters',
    ],
    [
      { series: { count: 1, lastObservedTime: TIME } },
      'series.count: Invalid value: "": should be at least 2',
    ],
    [{ deprecatedCount: 1 }, 'count: Invalid value: "": needs to be unset'],
    [
      { regarding: { kind: "Pod" } },
      'involvedObject.namespace: Invalid value: "": does not match event.namespace',
    ],
  ];
  for (const [more, message] of cases) {
    const { body } = await client.post(events, event(name, more));
    assert.equal(body.message, `Event "e" is invalid: ${message}`);
  }
  const strict = await client.post(`${events}?fieldValidation=Strict`, event(name, { message: "m" }));
  assert.match(strict.body.message, /unknown field "message"/);
});
