/** Services whose callers stay on their node, followed through changes of the policy and of backends. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { createMeshOutput, type SidecarChanges } from "../../src/envoy/mesh/index.ts";
import { decode } from "../../src/envoy/proto/index.ts";
import { type Resource, TYPE_URLS } from "../../src/envoy/resources.ts";
import type { EndpointSlice, KubeObject, Service } from "../../src/objects/types.ts";
import { emptyModels, objectsOf, take } from "../traffic/mesh/text.ts";

const CALLER = "default/caller";
const OBJECTS = objectsOf(readFileSync(join(import.meta.dirname, "mesh-golden/node-local.in.yaml"), "utf8"));

/** What a sidecar has, by nothing but the changes that it was told. */
function followedMesh() {
  const models = emptyModels();
  const output = createMeshOutput({ identity: () => undefined });
  const frontends = new Set<string>();
  models.traffic.onChange((keys) => {
    for (const key of keys) frontends.add(key);
  });
  const has = new Map<string, Resource>();
  const idOf = ({ kind, name }: Pick<Resource, "kind" | "name">) => `${kind} ${name}`;
  const follow = ({ changed, renewed }: SidecarChanges) => {
    assert.ok(!renewed.has(CALLER) || has.size === 0);
    for (const change of changed.get(CALLER) ?? [])
      if (change.resource === undefined) has.delete(idOf(change));
      else has.set(idOf(change), change.resource);
  };
  const apply = (objects: readonly KubeObject[], type: "added" | "updated" = "updated") => {
    for (const object of objects) take(models, object, type);
    follow(output.update(models.mesh, models.mesh.flush(), (key) => models.traffic.get(key)));
    follow(output.endpointsChanged(frontends));
    frontends.clear();
  };
  apply(OBJECTS, "added");
  for (const resource of output.resources(CALLER)) has.set(idOf(resource), resource);
  return {
    apply,
    backends: () => addressesIn(has.get("endpoint outbound|90||agent.default.svc.cluster.local")),
  };
}

function addressesIn(resource: Resource | undefined): string[] {
  assert.ok(resource, "the cluster has endpoints, be it none");
  const text = JSON.stringify(decode(TYPE_URLS.endpoint, resource.bytes));
  return [...text.matchAll(/"address":"([^"]+)"/g)].map((match) => match[1] ?? "");
}

const HERE = ["10.244.0.6", "fd00:10:244::6"];
const THERE = ["10.244.1.6", "fd00:10:244:1::6"];

function policy(internalTrafficPolicy: "Local" | "Cluster"): Service {
  const service = OBJECTS.find(({ kind }) => kind === "Service") as Service;
  return { ...service, spec: { ...service.spec, internalTrafficPolicy } };
}

/** The slices without what is on the caller's node. */
function elsewhere(): EndpointSlice[] {
  const slices = OBJECTS.filter(({ kind }) => kind === "EndpointSlice") as EndpointSlice[];
  return slices.map((slice) => ({
    ...slice,
    endpoints: (slice.endpoints ?? []).filter(({ nodeName }) => nodeName !== "node-1"),
  }));
}

test("a policy that changes moves a sidecar's backends, there and back", () => {
  const { apply, backends } = followedMesh();
  assert.deepEqual(backends(), HERE);
  apply([policy("Cluster")]);
  assert.deepEqual(backends(), THERE, "those that hints mean for the caller's zone");
  apply([policy("Local")]);
  assert.deepEqual(backends(), HERE);
});

test("where the node has no backend, none of another node stands in for it", () => {
  const { apply, backends } = followedMesh();
  apply(elsewhere());
  assert.deepEqual(backends(), []);
  apply([policy("Cluster")]);
  assert.deepEqual(backends(), THERE);
});
