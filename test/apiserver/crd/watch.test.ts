import assert from "node:assert/strict";
import { test } from "node:test";
import { useServer } from "../harness.ts";
import { DEFINITIONS, install, widgets } from "./install.ts";

const held = useServer();
const path = (plural: string): string => `/apis/example.com/v1/namespaces/default/${plural}`;
const object = (kind: string): object => ({ apiVersion: "example.com/v1", kind, metadata: { name: "a" } });

test("the watches on a deleted definition tell of the deletions and end", async () => {
  const { client } = held;
  await install(client, [widgets("spades"), widgets("hearts")]);
  await client.post(path("spades"), object("Spade"));
  const watching = await client.watch(`${path("spades")}?watch=true`);
  const other = await client.watch(`${path("hearts")}?watch=true`);
  await watching.count(1);
  await client.delete(`${DEFINITIONS}/spades.example.com`);
  await watching.ended;
  assert.deepEqual(
    watching.events.map(({ type }) => type),
    ["ADDED", "DELETED"],
  );
  await client.post(path("hearts"), object("Heart"));
  await other.count(1);
  other.stop();
});

test("a changed schema ends the watches too, a changed label does not", async () => {
  const { client } = held;
  await install(client, [widgets("clubs")]);
  const watching = await client.watch(`${path("clubs")}?watch=true`);
  await client.patch(`${DEFINITIONS}/clubs.example.com`, { metadata: { labels: { a: "b" } } });
  await client.post(path("clubs"), object("Club"));
  await watching.count(1);
  const { body } = await client.get(`${DEFINITIONS}/clubs.example.com`);
  body.spec.versions[0].schema.openAPIV3Schema.properties.spec.properties.shade = { type: "string" };
  assert.equal((await client.put(`${DEFINITIONS}/clubs.example.com`, body)).status, 200);
  await watching.ended;
});
