import assert from "node:assert/strict";
import { test } from "node:test";
import { Informer, type ObjectChange } from "../../src/client/index.ts";
import { KINDS } from "../../src/objects/kinds.ts";
import { ApiError } from "../../src/objects/status.ts";
import type { ConfigMap } from "../../src/objects/types.ts";
import { failure, fakeServer, json } from "./fake-server.ts";

function configMap(name: string, resourceVersion: string, uid = `uid-${name}`): ConfigMap {
  return { apiVersion: "v1", kind: "ConfigMap", metadata: { name, namespace: "a", uid, resourceVersion } };
}

function line(type: string, object: unknown): string {
  return `${JSON.stringify({ type, object })}\n`;
}

/** Waits until something holds; the test's own time limit ends it. */
async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 2));
}

test("a get that is refused throws the server's status", async () => {
  const fake = await fakeServer((request, response) => {
    assert.equal(request.headers.authorization, "Bearer secret");
    json(response, 404, failure(404, "NotFound", 'configmaps "x" not found'));
  });
  await assert.rejects(
    fake.client.get(KINDS.ConfigMap, "x", "a"),
    (error) =>
      error instanceof ApiError && error.code === 404 && error.message === 'configmaps "x" not found',
  );
  await fake.close();
});

test("a list follows its pages and names the kind of its items", async () => {
  const fake = await fakeServer((request, response) => {
    const { kind: _, apiVersion: __, ...bare } = configMap(request.query.get("continue") ?? "first", "1");
    const metadata = {
      resourceVersion: "7",
      ...(request.query.has("continue") ? {} : { continue: "second" }),
    };
    json(response, 200, { items: [bare], metadata });
  });
  const page = await fake.client.listAll<ConfigMap>(KINDS.ConfigMap);
  assert.deepEqual(
    page.items.map((item) => [item.kind, item.metadata.name]),
    [
      ["ConfigMap", "first"],
      ["ConfigMap", "second"],
    ],
  );
  assert.equal(page.continue, undefined);
  await fake.close();
});

test("an informer resumes a broken watch where it was, and lists again with a difference after 410", async () => {
  const watchedFrom: (string | null)[] = [];
  let lists = 0;
  const fake = await fakeServer((request, response) => {
    if (request.query.get("watch") !== "true") {
      lists++;
      const items =
        lists === 1
          ? [configMap("one", "1"), configMap("two", "2")]
          : [configMap("two", "2"), configMap("four", "40")];
      return json(response, 200, { items, metadata: { resourceVersion: lists === 1 ? "10" : "40" } });
    }
    watchedFrom.push(request.query.get("resourceVersion"));
    response.writeHead(200, { "content-type": "application/json" });
    if (watchedFrom.length === 1) {
      const text =
        line("MODIFIED", configMap("one", "11")) + line("BOOKMARK", { metadata: { resourceVersion: "15" } });
      // Split in the middle of a line, then break the connection.
      response.write(text.slice(0, 50));
      setTimeout(() => response.write(text.slice(50), () => setTimeout(() => response.destroy(), 5)), 5);
    } else if (watchedFrom.length === 2) {
      response.write(line("ADDED", configMap("three", "16")));
      response.end(line("ERROR", failure(410, "Expired", "too old resource version")));
    } else response.write(line("DELETED", configMap("four", "41")));
  });
  const informer = new Informer<ConfigMap>(fake.client, KINDS.ConfigMap);
  const seen: string[] = [];
  informer.onChange(({ type, object }: ObjectChange<ConfigMap>) =>
    seen.push(`${type} ${object.metadata.name} ${object.metadata.resourceVersion}`),
  );
  const stop = new AbortController();
  await informer.start(stop.signal);
  assert.equal(informer.list("a").length, 2);
  await until(() => seen.includes("deleted four 41"));
  assert.deepEqual(watchedFrom.slice(0, 3), ["10", "15", "40"]);
  assert.deepEqual(seen, [
    "added one 1",
    "added two 2",
    "updated one 11",
    "added three 16",
    "added four 40",
    "deleted one 11",
    "deleted three 16",
    "deleted four 41",
  ]);
  assert.deepEqual(
    informer.list().map(({ metadata }) => metadata.name),
    ["two"],
  );
  stop.abort();
  await informer.stopped();
  await fake.close();
});

test("an object of another uid under the same name is deleted and added", async () => {
  const fake = await fakeServer((request, response) => {
    if (request.query.get("watch") !== "true") {
      return json(response, 200, {
        items: [configMap("one", "1", "first")],
        metadata: { resourceVersion: "1" },
      });
    }
    response.write(line("MODIFIED", configMap("one", "9", "second")));
  });
  const informer = new Informer<ConfigMap>(fake.client, KINDS.ConfigMap);
  const seen: string[] = [];
  informer.onChange(({ type, object }) => seen.push(`${type} ${object.metadata.uid}`));
  const stop = new AbortController();
  await informer.start(stop.signal);
  await until(() => seen.length === 3);
  assert.deepEqual(seen, ["added first", "deleted first", "added second"]);
  stop.abort();
  await informer.stopped();
  await fake.close();
});

test("an informer of a server that is not there tries on, tells why, and ends with its signal", async () => {
  const fake = await fakeServer((_request, response) =>
    json(response, 500, failure(500, "InternalError", "no")),
  );
  const errors: unknown[] = [];
  const informer = new Informer(fake.client, KINDS.Pod, { onError: (error) => errors.push(error) });
  const stop = new AbortController();
  const started = informer.start(stop.signal);
  await until(() => errors.length >= 2);
  stop.abort();
  await assert.rejects(started);
  await informer.stopped();
  await fake.close();
});
