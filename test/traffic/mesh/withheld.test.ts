/** A route that some sidecar refuses is withheld from all, until it says something else. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { RouteStatus } from "../../../src/objects/gateway/index.ts";
import { emptyModels, type Models, objectsOf, take } from "./text.ts";

const SERVICES = `
kind: Service
metadata: { name: web }
spec: { type: ClusterIP, clusterIPs: [10.96.0.1, "fd00::1"], ipFamilies: [IPv4, IPv6], ports: [{ name: http, port: 80, protocol: TCP }] }
---
kind: Service
metadata: { name: v2 }
spec: { type: ClusterIP, clusterIPs: [10.96.0.2, "fd00::2"], ipFamilies: [IPv4, IPv6], ports: [{ name: http, port: 80, protocol: TCP }] }
---`;
const ID = "HTTPRoute/default/long";

function put(models: Models, text: string, type: "added" | "updated" | "deleted" = "added"): void {
  for (const object of objectsOf(text)) take(models, object, type);
}

function route(path: string, generation: number): string {
  return `
kind: HTTPRoute
metadata: { name: long, generation: ${generation} }
spec:
  parentRefs: [{ group: "", kind: Service, name: web, port: 80 }]
  rules:
    - matches: [{ path: { type: PathPrefix, value: ${path} } }]
      backendRefs: [{ name: v2, port: 80 }]
---`;
}

function modelsWith(...texts: string[]): Models {
  const models = emptyModels();
  for (const text of [SERVICES, ...texts]) put(models, text);
  models.mesh.flush();
  return models;
}

/** The paths of the rules that are in force for callers of web. */
function paths({ mesh }: Models): string[] {
  const rules = mesh.services.get("default/web")?.ports[0]?.rules ?? [];
  return rules.map((rule) => JSON.stringify(rule.match)).map((text) => /"(\/[^"]*)"/.exec(text)?.[1] ?? "");
}

const refuse = (models: Models, sidecar: string, ids: readonly string[] = [ID]): void =>
  models.mesh.setRefused(sidecar, new Map(ids.map((id) => [id, "no"])), new Set(ids));

test("what it said before is in force, and what it says next", () => {
  const models = modelsWith(route("/a", 1));
  put(models, route("/b", 2), "updated");
  models.mesh.flush();
  assert.deepEqual(paths(models), ["/b"]);
  refuse(models, "demo/one");
  assert.ok(models.mesh.isWithheld(ID));
  const { services } = models.mesh.flush();
  assert.deepEqual([...services.keys()], ["default/web"], "only what it is about");
  assert.deepEqual(paths(models), ["/a"]);

  put(models, route("/c", 3), "updated");
  const { statuses } = models.mesh.flush();
  assert.deepEqual(paths(models), ["/c"]);
  assert.ok(!models.mesh.isWithheld(ID));
  const status = statuses.get(ID)?.status as RouteStatus;
  assert.deepEqual(
    status.parents.map(({ conditions }) => conditions.map((one) => one.observedGeneration)),
    [[3, 3]],
  );
  refuse(models, "demo/one");
  models.mesh.flush();
  assert.deepEqual(paths(models), ["/a"], "what was refused before does not come back");
});

test("what one sidecar refused does not come back when another one refuses what it says next", () => {
  const models = modelsWith(route("/a", 1));
  put(models, route("/b", 2), "updated");
  models.mesh.flush();
  refuse(models, "demo/one");
  put(models, route("/c", 3), "updated");
  refuse(models, "demo/two");
  models.mesh.flush();
  assert.deepEqual(paths(models), ["/a"]);
});

test("of one that was refused from the start nothing is in force", () => {
  const models = modelsWith(route("/a", 1));
  refuse(models, "demo/one");
  models.mesh.flush();
  assert.deepEqual(paths(models), []);
  put(models, route("/a", 1), "updated");
  models.mesh.flush();
  assert.deepEqual(paths(models), []);
  assert.ok(models.mesh.isWithheld(ID), "it still says the same");
});

test("it is tried again when those that refused it are gone, the last of them", () => {
  const models = modelsWith(route("/a", 1));
  for (const sidecar of ["demo/one", "demo/two"]) refuse(models, sidecar);
  models.mesh.flush();
  refuse(models, "demo/one", []);
  models.mesh.flush();
  assert.deepEqual(paths(models), []);
  refuse(models, "demo/two", []);
  models.mesh.flush();
  assert.deepEqual(paths(models), ["/a"]);
});

test("changes of a Service count for what is in force; a route that is deleted is forgotten", () => {
  const models = modelsWith(route("/a", 1));
  put(models, route("/b", 2), "updated");
  refuse(models, "demo/one");
  models.mesh.flush();
  put(models, SERVICES.replaceAll("name: http, port: 80", "name: http2, port: 80"), "updated");
  models.mesh.flush();
  assert.deepEqual(paths(models), ["/a"]);
  put(models, route("/b", 2), "deleted");
  models.mesh.flush();
  assert.deepEqual(paths(models), []);
  put(models, route("/b", 1));
  models.mesh.flush();
  assert.deepEqual(paths(models), ["/b"], "another object of that name");
});

test("what is refused and is no route is withheld from nobody", () => {
  const models = modelsWith();
  refuse(models, "demo/one", ["Service/default/web", "MeshPolicy/demo/all"]);
  assert.ok(!models.mesh.isWithheld("Service/default/web"));
});
