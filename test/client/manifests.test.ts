import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { applyManifests, parseManifest, readManifests } from "../../src/client/index.ts";
import { applyPatch, LAST_APPLIED, withLastApplied } from "../../src/client/manifests/merge.ts";
import { UserError } from "../../src/errors/user-error.ts";
import type { AnyObject } from "../../src/objects/types.ts";
import { failure, fakeServer, json } from "./fake-server.ts";

const directory = await mkdtemp(join(tmpdir(), "tandem-manifests-"));
after(() => rm(directory, { recursive: true }));

test("documents keep their positions, empty ones vanish, lists are flattened", () => {
  const content = `# a comment
---
apiVersion: v1
kind: Namespace
metadata: {name: a}
---
# nothing
---
apiVersion: v1
kind: List
items:
- {apiVersion: v1, kind: ConfigMap, metadata: {name: one}}
- apiVersion: v1
  kind: ConfigMap
  metadata: {name: two}
`;
  const found = parseManifest("f.yaml", content).map(({ object, line, document }) => [
    object.metadata.name,
    line,
    document,
  ]);
  assert.deepEqual(
    found.map(([name, line]) => [name, line]),
    [
      ["a", 3],
      ["one", 12],
      ["two", 13],
    ],
  );
});

test("plain text means what it means to kubectl", () => {
  const content = `apiVersion: v1
kind: X
metadata: {name: x}
v: [yes, off, 010, 0x10, 22:22, 2001-12-14, 1_000, ~, "yes", 1e3]
base: &base {a: 1}
merged: {<<: *base, b: 2}
`;
  const object = parseManifest("f", content)[0]?.object;
  assert.deepEqual(object?.v, [true, false, 8, 16, "22:22", "2001-12-14", 1000, null, "yes", 1000]);
  assert.deepEqual(object?.merged, { a: 1, b: 2 });
});

test("directories are read with all that is below them, sorted; other files are passed over", async () => {
  const root = join(directory, "tree");
  await mkdir(join(root, "b"), { recursive: true });
  const one = (name: string): string =>
    `{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "${name}"}}`;
  await writeFile(join(root, "c.yaml"), one("c"));
  await writeFile(join(root, "b", "x.json"), one("b"));
  await writeFile(join(root, "a.yml"), one("a"));
  await writeFile(join(root, "README.md"), "# not a manifest");
  const names = (await readManifests([root])).map(({ object }) => object.metadata.name);
  assert.deepEqual(names, ["a", "b", "c"]);
});

test("what cannot be read is named with file and line", async () => {
  const refused = (content: string, expected: RegExp): void =>
    assert.throws(
      () => parseManifest("f.yaml", content),
      (error) => error instanceof UserError && expected.test(error.message),
    );
  refused("a: 1\nb: [\n", /not YAML[\s\S]*where: f\.yaml:/);
  refused("- 1\n", /mapping[\s\S]*where: f\.yaml:1/);
  refused("apiVersion: v1\nmetadata: {name: x}\n", /no kind/);
  refused("apiVersion: v1\nkind: Pod\nmetadata: {generateName: x}\n", /no metadata\.name/);
  refused("apiVersion: v1\nkind: Pod\nkind: Pod\nmetadata: {name: x}\n", /unique/);
  await assert.rejects(readManifests([join(directory, "nowhere")]), /no such file or directory/);
});

test("a patch holds what differs, and null for what the manifest dropped", () => {
  const before = {
    apiVersion: "v1",
    kind: "X",
    metadata: { name: "x" },
    spec: { a: 1, b: { c: 1 } },
  } as AnyObject;
  const live = {
    ...withLastApplied(before),
    spec: { a: 1, b: { c: 1 }, defaulted: true, list: [{ x: 1, y: 2 }] },
  } as AnyObject;
  const same = withLastApplied(before);
  assert.equal(applyPatch(live, same), undefined);
  const desired = { ...before, spec: { b: {}, list: [{ x: 1 }], n: 1 } } as AnyObject;
  const patch = applyPatch(live, withLastApplied(desired)) ?? assert.fail("no patch");
  assert.deepEqual(patch.spec, { a: null, b: { c: null }, n: 1 });
  assert.ok(LAST_APPLIED in (patch.metadata as { annotations: object }).annotations);
});

/**
 * A server with namespaces and configmaps in a map, that refuses ConfigMaps with a field `bad`; `quicker` is what another
 * client writes before the first ConfigMap comes.
 */
async function smallServer(quicker: readonly (readonly [path: string, object: AnyObject])[] = []) {
  const objects = new Map<string, AnyObject>();
  const writes: string[] = [];
  const fake = await fakeServer((request, response) => {
    const resources = [
      { name: "namespaces", kind: "Namespace", namespaced: false },
      { name: "configmaps", kind: "ConfigMap", namespaced: true },
    ];
    if (request.path === "/api/v1") return json(response, 200, { kind: "APIResourceList", resources });
    if (request.path.startsWith("/apis/"))
      return json(response, 404, failure(404, "NotFound", "no such version"));
    const dryRun = request.query.get("dryRun") === "All";
    const namespace = /namespaces\/([^/]+)\/configmaps/.exec(request.path)?.[1];
    if (request.method === "GET") {
      const found = objects.get(request.path);
      return found ? json(response, 200, found) : json(response, 404, failure(404, "NotFound", "not found"));
    }
    if (!dryRun) writes.push(`${request.method} ${request.path}`);
    if (request.method === "DELETE") return (objects.delete(request.path), json(response, 200, {}));
    if (namespace && !objects.has(`/api/v1/namespaces/${namespace}`)) {
      return json(response, 404, failure(404, "NotFound", `namespaces "${namespace}" not found`));
    }
    const body = JSON.parse(request.text) as AnyObject;
    if ("bad" in body) {
      assert.equal(request.query.get("fieldValidation"), "Strict");
      return json(response, 400, failure(400, "BadRequest", 'strict decoding error: unknown field "bad"'));
    }
    const path = request.method === "POST" ? `${request.path}/${body.metadata.name}` : request.path;
    if (namespace && !dryRun) for (const [place, object] of quicker) objects.set(place, object);
    if (request.method === "POST" && objects.has(path))
      return json(response, 409, failure(409, "AlreadyExists", `${body.metadata.name} already exists`));
    const result = {
      ...objects.get(path),
      ...body,
      metadata: { ...body.metadata, resourceVersion: String(writes.length) },
    };
    if (!dryRun) objects.set(path, result);
    json(response, request.method === "POST" ? 201 : 200, result);
  });
  return { ...fake, objects, writes };
}

const NAMESPACE = "apiVersion: v1\nkind: Namespace\nmetadata: {name: new}\n";
const MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: m, namespace: new}\ndata: {a: b}\n";

test("a set is applied with its namespace first, whatever its order, and found unchanged afterwards", async () => {
  const fake = await smallServer();
  const manifests = parseManifest("f.yaml", `${MAP}---\n${NAMESPACE}`);
  const actions = async () =>
    (await applyManifests(fake.client, manifests)).map(({ object, action }) => `${object.kind} ${action}`);
  assert.deepEqual(await actions(), ["Namespace created", "ConfigMap created"]);
  assert.deepEqual(fake.writes, ["POST /api/v1/namespaces", "POST /api/v1/namespaces/new/configmaps"]);
  assert.deepEqual(await actions(), ["Namespace unchanged", "ConfigMap unchanged"]);
  await fake.close();
});

test("an object that another client makes meanwhile is brought to what the manifest says", async () => {
  const path = "/api/v1/namespaces/new/configmaps/m";
  const metadata = { name: "m", namespace: "new", resourceVersion: "7" };
  const other = { apiVersion: "v1", kind: "ConfigMap", metadata, data: { a: "other" } } as AnyObject;
  const fake = await smallServer([[path, other]]);
  const applied = await applyManifests(fake.client, parseManifest("f.yaml", `${NAMESPACE}---\n${MAP}`));
  assert.deepEqual(
    applied.map(({ action }) => action),
    ["created", "configured"],
  );
  assert.deepEqual(fake.writes.slice(1), ["POST /api/v1/namespaces/new/configmaps", `PATCH ${path}`]);
  await fake.close();
});

test("an object that is refused leaves nothing behind, and is named", async () => {
  const fake = await smallServer();
  const manifests = parseManifest(
    "f.yaml",
    `${NAMESPACE}---\n${MAP}---\n${MAP.replace("name: m", "name: worse")}bad: 1\n`,
  );
  await assert.rejects(applyManifests(fake.client, manifests), (error) => {
    assert.ok(error instanceof UserError);
    assert.match(error.message, /unknown field "bad"/);
    assert.equal(error.parts.where, "f.yaml:10 (ConfigMap new/worse)");
    return true;
  });
  assert.equal(fake.objects.size, 0);
  assert.deepEqual(fake.writes, ["POST /api/v1/namespaces", "DELETE /api/v1/namespaces/new"]);
  await fake.close();
});

test("kinds that the server does not have are named before anything is tried", async () => {
  const fake = await smallServer();
  const unknown = (apiVersion: string) =>
    parseManifest(
      "f.yaml",
      `${NAMESPACE}---\napiVersion: ${apiVersion}\nkind: Servce\nmetadata: {name: x}\n`,
    );
  await assert.rejects(
    applyManifests(fake.client, unknown("v1")),
    /no kind "Servce" in "v1"[\s\S]*f\.yaml:5[\s\S]*ConfigMap, Namespace/,
  );
  await assert.rejects(
    applyManifests(fake.client, unknown("example.com/v1")),
    /no group and version "example\.com\/v1"/,
  );
  const several = parseManifest(
    "f.yaml",
    "apiVersion: batch/v1\nkind: Job\nmetadata: {name: x}\n---\napiVersion: v1\nkind: Volume\nmetadata: {name: z}\n",
  );
  await assert.rejects(
    applyManifests(fake.client, several),
    /no kind "Job" in "batch\/v1", "Volume" in "v1"[\s\S]*no group and version "batch\/v1"; .*v1 has ConfigMap/,
  );
  assert.deepEqual(fake.writes, []);
  await fake.close();
});
