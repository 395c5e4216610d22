import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { startTestServer, type TestClient, useServer } from "../harness.ts";
import { bundle, conditions, DEFINITIONS, established, install, widgets } from "./install.ts";

const held = useServer();
const ROOT = "/apis/example.com/v1";
const path = (plural: string, name?: string): string =>
  `${ROOT}/namespaces/default/${plural}${name === undefined ? "" : `/${name}`}`;
const widget = (kind: string, name: string, spec: object = {}, more: object = {}): object => ({
  apiVersion: "example.com/v1",
  kind,
  metadata: { name },
  spec,
  ...more,
});

test("both channels of the Gateway API install one after the other", async () => {
  const { client, undo } = await startTestServer();
  try {
    await install(client, bundle("standard"));
    for (const definition of bundle("experimental")) {
      const { name } = definition.metadata;
      const stored = await client.get(`${DEFINITIONS}/${name}`);
      if (stored.status === 404) {
        assert.equal((await client.post(DEFINITIONS, definition)).status, 201, name);
      } else {
        definition.metadata.resourceVersion = stored.body.metadata.resourceVersion;
        const { status, text } = await client.put(`${DEFINITIONS}/${name}`, definition);
        assert.equal(status, 200, text.slice(0, 1000));
      }
      await established(client, name);
    }
    const { body } = await client.get("/apis/gateway.networking.k8s.io/v1");
    assert.ok(body.resources.some((each: { name: string }) => each.name === "httproutes/status"));
  } finally {
    await undo();
  }
});

test("a definition gets its defaults, conditions and accepted names", async () => {
  const { client } = held;
  const created = await client.post(DEFINITIONS, widgets("apples"));
  assert.deepEqual(created.body.status, {
    acceptedNames: { kind: "", plural: "" },
    conditions: null,
    storedVersions: ["v1"],
  });
  await established(client, "apples.example.com");
  const { body } = await client.get(`${DEFINITIONS}/apples.example.com`);
  assert.deepEqual(body.spec.conversion, { strategy: "None" });
  const names = { kind: "Apple", listKind: "AppleList", plural: "apples", singular: "apple" };
  assert.deepEqual(body.status.acceptedNames, names);
  const clash = widgets("pears", { names: { plural: "pears", kind: "Apple" } });
  await client.post(DEFINITIONS, clash);
  const found = await conditions(client, "pears.example.com", (each) => each.length > 0);
  const accepted = found.find((each) => each.type === "NamesAccepted")!;
  assert.equal(accepted.status, "False");
  assert.match(accepted.message, /"AppleList?" is already in use/);
});

test("definitions that cannot be served are refused with every cause", async () => {
  const causes = async (change: (definition: ReturnType<typeof widgets>) => void): Promise<string[]> => {
    const definition = widgets("figs");
    change(definition);
    const { status, body } = await held.client.post(DEFINITIONS, definition);
    assert.equal(status, 422);
    return body.details.causes.map(
      (each: { field: string; message: string }) => `${each.field}: ${each.message}`,
    );
  };
  assert.deepEqual(await causes((each) => (each.metadata.name = "other.example.com")), [
    `metadata.name: Invalid value: "other.example.com": must be spec.names.plural+"."+spec.group`,
  ]);
  const [version] = await causes((each) => (each.spec.versions[0].storage = false));
  assert.match(version!, /^spec\.versions: .*must have exactly one version marked as storage version$/);
  assert.deepEqual(await causes((each) => (each.spec.scope = "Galaxy")), [
    `spec.scope: Unsupported value: "Galaxy": supported values: "Cluster", "Namespaced"`,
  ]);
  const schema = "spec.versions[0].schema.openAPIV3Schema";
  assert.deepEqual(
    await causes(
      (each) => (each.spec.versions[0].schema.openAPIV3Schema = { type: "object", properties: { a: {} } }),
    ),
    [`${schema}.properties[a].type: Required value: must not be empty for specified object fields`],
  );
  const broken = { type: "array", items: { type: "object", properties: { a: null }, required: 5 } };
  const odd = await causes((each) => {
    each.spec.versions[0].schema.openAPIV3Schema.properties.odd = broken;
  });
  assert.equal(odd.length, 2, "a schema that is none is told, not run into");
  const [rule] = await causes((each) => {
    const rules = [{ rule: "self.spec +" }];
    each.spec.versions[0].schema.openAPIV3Schema["x-kubernetes-validations"] = rules;
  });
  assert.match(rule!, /x-kubernetes-validations\[0\]\.rule: .*compilation failed/);
});

test("objects are pruned, defaulted, validated and counted in generations", async () => {
  const { client } = held;
  await install(client, [widgets("gears", {}, { subresources: { status: {} } })]);
  const strict = await client.post(
    `${path("gears")}?fieldValidation=Strict`,
    widget("Gear", "a", { bogus: 1 }),
  );
  assert.equal(strict.status, 400);
  assert.match(strict.body.message, /strict decoding error: unknown field "spec.bogus"$/);
  const made = await client.post(
    path("gears"),
    widget("Gear", "a", { bogus: 1, owner: "x" }, { status: { phase: "y" } }),
  );
  assert.equal(made.headers["warning"], '299 - "unknown field \\"spec.bogus\\""');
  assert.deepEqual(made.body.spec, { owner: "x", color: "red" });
  assert.equal(made.body.status, undefined);
  assert.equal(made.body.metadata.generation, 1);
  const status = await client.patch(`${path("gears", "a")}/status`, {
    spec: { color: "no" },
    status: { phase: "up" },
  });
  assert.deepEqual(
    [status.body.spec.color, status.body.status, status.body.metadata.generation],
    ["red", { phase: "up" }, 1],
  );
  const changed = await client.patch(path("gears", "a"), {
    spec: { color: "blue" },
    status: { phase: "no" },
  });
  assert.deepEqual([changed.body.status, changed.body.metadata.generation], [{ phase: "up" }, 2]);
  const refused = await client.patch(path("gears", "a"), { spec: { owner: "z", size: -1 } });
  assert.equal(refused.status, 422);
  assert.deepEqual(refused.body.details.causes.map((each: { message: string }) => each.message).sort(), [
    'Invalid value: "z": owner is immutable',
    "Invalid value: -1: spec.size in body should be greater than or equal to 0",
  ]);
  const unconditional = await client.put(path("gears", "a"), widget("Gear", "a", {}));
  assert.equal(unconditional.status, 422, "a PUT must name the version that it changes");
  const strategic = await client.patch(path("gears", "a"), {}, "application/strategic-merge-patch+json");
  assert.equal(strategic.status, 415);
});

test("lists of type map are merged when applied", async () => {
  const { client } = held;
  await install(client, [widgets("hooks")]);
  const apply = (manager: string, ports: object[]): ReturnType<typeof client.call> =>
    client.call("PATCH", `${path("hooks", "a")}?fieldManager=${manager}`, {
      type: "application/apply-patch+yaml",
      body: widget("Hook", "a", { ports }),
    });
  assert.equal((await apply("one", [{ name: "a", port: 1 }])).status, 201);
  const second = await apply("two", [{ name: "b", port: 2 }]);
  assert.deepEqual(second.body.spec.ports, [
    { name: "a", port: 1 },
    { name: "b", port: 2 },
  ]);
  assert.equal((await apply("two", [{ name: "a", port: 3 }])).status, 409);
});

test("every served version shows and watches the same objects", async () => {
  const { client } = held;
  const definition = widgets("irons");
  definition.spec.versions.push({ ...definition.spec.versions[0], name: "v1beta1", storage: false });
  await install(client, [definition]);
  const beta = "/apis/example.com/v1beta1/namespaces/default/irons";
  const watching = await client.watch(`${beta}?watch=true`);
  await client.post(path("irons"), widget("Iron", "a"));
  await watching.count(1);
  watching.stop();
  assert.equal(watching.events[0]!.object.apiVersion, "example.com/v1beta1");
  const { body } = await client.get(beta);
  assert.deepEqual(
    [body.apiVersion, body.kind, body.items[0].metadata.name],
    ["example.com/v1beta1", "IronList", "a"],
  );
  const put = await client.put(`${beta}/a`, {
    ...body.items[0],
    apiVersion: "example.com/v1beta1",
    kind: "Iron",
  });
  assert.equal(put.body.metadata.resourceVersion, body.items[0].metadata.resourceVersion, "nothing changed");
  const groups = await client.get("/apis");
  const group = groups.body.groups.at(-1);
  assert.deepEqual([group.name, group.preferredVersion.version], ["example.com", "v1"]);
  const wrong = await client.post(beta, widget("Iron", "b"));
  assert.equal(wrong.status, 400);
});

test("tables, scale, short names and documents follow the definition", async () => {
  const { client } = held;
  const scale = {
    specReplicasPath: ".spec.replicas",
    statusReplicasPath: ".status.replicas",
    labelSelectorPath: ".status.selector",
  };
  const additionalPrinterColumns = [
    { name: "Color", type: "string", jsonPath: ".spec.color" },
    { name: "Port", type: "integer", jsonPath: '.spec.ports[?(@.name=="b")].port', priority: 1 },
  ];
  const names = { plural: "jigs", kind: "Jig", shortNames: ["jg"], categories: ["all"] };
  await install(client, [
    widgets("jigs", { names }, { subresources: { status: {}, scale }, additionalPrinterColumns }),
  ]);
  await client.post(path("jigs"), widget("Jig", "a", { ports: [{ name: "a" }, { name: "b", port: 7 }] }));
  const accept = "application/json;as=Table;v=v1;g=meta.k8s.io";
  const table = await client.get(path("jigs"), { accept });
  assert.deepEqual(table.body.rows[0].cells, ["a", "red", 7]);
  assert.deepEqual(
    table.body.columnDefinitions.map((each: { name: string }) => each.name),
    ["Name", "Color", "Port"],
  );
  const scaled = await client.patch(`${path("jigs", "a")}/scale`, { spec: { replicas: 3 } });
  assert.deepEqual([scaled.body.kind, scaled.body.spec], ["Scale", { replicas: 3 }]);
  assert.equal((await client.get(path("jigs", "a"))).body.spec.replicas, 3);
  const { body } = await client.get(ROOT);
  const jigs = body.resources.find((each: { name: string }) => each.name === "jigs");
  assert.deepEqual([jigs.shortNames, jigs.categories, jigs.singularName], [["jg"], ["all"], "jig"]);
  const document = await client.get("/openapi/v3/apis/example.com/v1");
  assert.ok(document.body.components.schemas["com.example.v1.Jig"].properties.spec.properties.color);
  assert.ok(document.body.paths[`${ROOT}/namespaces/{namespace}/jigs/{name}`].patch);
  const partial = await client.get(path("jigs", "a"), {
    accept: "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io",
  });
  assert.deepEqual([partial.body.kind, partial.body.spec], ["PartialObjectMetadata", undefined]);
});

test("a deleted definition takes its objects with it, those with finalizers last", async () => {
  const { client } = held;
  await install(client, [widgets("knobs")]);
  const object = { ...widget("Knob", "a"), metadata: { name: "a", finalizers: ["example.com/hold"] } };
  await client.post(path("knobs"), object);
  const objects = await client.watch(`${path("knobs")}?watch=true`);
  const watching = await client.watch(
    `${DEFINITIONS}?watch=true&fieldSelector=metadata.name%3Dknobs.example.com`,
  );
  const deleted = await client.delete(`${DEFINITIONS}/knobs.example.com`);
  assert.deepEqual(deleted.body.metadata.finalizers, ["customresourcecleanup.apiextensions.k8s.io"]);
  await objects.count(2);
  objects.stop();
  assert.ok(objects.events[1]!.object.metadata.deletionTimestamp);
  assert.equal((await client.post(path("knobs"), widget("Knob", "b"))).status, 405);
  await client.patch(path("knobs", "a"), { metadata: { finalizers: null } });
  for (let seen = 1; watching.events.at(-1)?.type !== "DELETED"; seen++) await watching.count(seen);
  watching.stop();
  assert.equal((await client.get(path("knobs"))).status, 404);
});

test("definitions are served again after a restart; older objects get newer defaults", async () => {
  const dataDir = mkdtempSync(join(tmpdir(), "tandem-crd-"));
  const running = async (work: (client: TestClient) => Promise<void>): Promise<void> => {
    const { client, undo } = await startTestServer({ dataDir, storage: "lmdb" });
    try {
      await work(client);
    } finally {
      await undo();
    }
  };
  try {
    await running(async (client) => {
      await install(client, [widgets("lamps")]);
      await client.post(path("lamps"), widget("Lamp", "a"));
    });
    await running(async (client) => {
      assert.equal((await client.get(path("lamps", "a"))).body.spec.color, "red");
      const { body } = await client.get(`${DEFINITIONS}/lamps.example.com`);
      const { properties } = body.spec.versions[0].schema.openAPIV3Schema.properties.spec;
      properties.shade = { type: "string", default: "dim" };
      assert.equal((await client.put(`${DEFINITIONS}/lamps.example.com`, body)).status, 200);
      assert.equal((await client.get(path("lamps", "a"))).body.spec.shade, "dim");
    });
  } finally {
    rmSync(dataDir, { recursive: true, force: true });
  }
});
