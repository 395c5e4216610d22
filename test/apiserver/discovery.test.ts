import assert from "node:assert/strict";
import { test } from "node:test";
import { useServer } from "./harness.ts";

const held = useServer();
const AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

test("legacy discovery names groups, versions, resources and subresources", async () => {
  const { client } = held;
  assert.deepEqual((await client.get("/api")).body.versions, ["v1"]);
  const groups = (await client.get("/apis")).body.groups as { name: string }[];
  const served = groups.map(({ name }) => name);
  for (const name of ["apps", "discovery.k8s.io", "networking.k8s.io"])
    assert.ok(served.includes(name), name);
  assert.equal((await client.get("/apis/apps")).body.preferredVersion.groupVersion, "apps/v1");
  const apps = (await client.get("/apis/apps/v1")).body.resources as {
    name: string;
    shortNames?: string[];
    group?: string;
  }[];
  const byName = new Map(apps.map((resource) => [resource.name, resource]));
  assert.deepEqual(byName.get("deployments")?.shortNames, ["deploy"]);
  assert.equal(byName.get("deployments/scale")?.group, "autoscaling");
  const core = (await client.get("/api/v1")).body.resources as { name: string }[];
  assert.ok(core.some(({ name }) => name === "pods/log"));
});

test("aggregated discovery echoes its content type and knows its ETag", async () => {
  const { client } = held;
  for (const path of ["/api", "/apis"]) {
    const answer = await client.get(path, { accept: `${AGGREGATED},application/json` });
    assert.equal(answer.headers["content-type"], AGGREGATED);
    assert.equal(answer.body.kind, "APIGroupDiscoveryList");
    const again = await client.get(path, {
      accept: AGGREGATED,
      headers: { "if-none-match": answer.headers.etag! },
    });
    assert.equal(again.status, 304);
  }
  const core = (await client.get("/api", { accept: AGGREGATED })).body.items[0].versions[0];
  const pods = core.resources.find(({ resource }: { resource: string }) => resource === "pods");
  assert.equal(pods.scope, "Namespaced");
  assert.ok(pods.subresources.some(({ subresource }: { subresource: string }) => subresource === "exec"));
  const old = await client.get("/apis", {
    accept: "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList",
  });
  assert.equal(old.body.kind, "APIGroupList");
});

test("OpenAPI v3 has an index and the documents of the groups served", async () => {
  const { client } = held;
  const { paths } = (await client.get("/openapi/v3")).body;
  for (const path of ["api/v1", "apis/apps/v1", "apis/discovery.k8s.io/v1"]) assert.ok(path in paths, path);
  const apps = await client.get(paths["apis/apps/v1"].serverRelativeURL);
  assert.ok(apps.body.components.schemas["io.k8s.api.apps.v1.Deployment"]);
  assert.equal((await client.get("/openapi/v3/apis/nosuch/v1")).status, 404);
  assert.equal((await client.get("/openapi/v3/..%2f..%2fpackage")).status, 404);
});

test("health and version are told", async () => {
  const { client } = held;
  for (const path of ["/readyz", "/livez", "/healthz"]) {
    const answer = await client.get(path);
    assert.equal(answer.text, "ok");
    assert.equal(answer.status, 200);
  }
  assert.equal((await client.get("/version")).body.gitVersion, "v1.35.4");
});

test("every kind can be listed, and what is not served is told in the server's ways", async () => {
  const { client } = held;
  const groups = [
    ["/api/v1", ""],
    ...((await client.get("/apis")).body.groups as { name: string }[]).map(({ name }) => [
      `/apis/${name}/v1`,
      name,
    ]),
  ];
  for (const [root] of groups) {
    const { resources } = (await client.get(root!)).body as {
      resources: { name: string; kind: string; verbs: string[] }[];
    };
    for (const { name, kind } of resources.filter(({ verbs }) => verbs.includes("list"))) {
      const list = await client.get(`${root}/${name}`);
      assert.equal(list.status, 200, name);
      assert.equal(list.body.kind, `${kind}List`);
    }
  }
  const unknown = await client.get("/api/v1/nosuch");
  assert.equal(unknown.status, 404);
  assert.equal(unknown.body.message, "the server could not find the requested resource");
  assert.equal((await client.get("/apis/nosuch.io/v1/x")).text, "404 page not found\n");
  assert.equal((await client.call("POST", "/api/v1/namespaces/default")).status, 405);
  assert.equal((await client.get("/api/v1/pods/x")).status, 404);
});
