import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import * as fc from "fast-check";
import type { KubeObject } from "../../../src/objects/types.ts";
import type { MeshStatus } from "../../../src/traffic/mesh/index.ts";
import { applyChanges, emptyModels, objectsOf, take, textOf } from "./text.ts";

const FOLDER = join(import.meta.dirname, "golden");
const CLUSTERS = readdirSync(FOLDER)
  .filter((name) => name.endsWith(".in.yaml"))
  .map((name) => objectsOf(readFileSync(join(FOLDER, name), "utf8")));

type Loose = KubeObject & { spec: Record<string, unknown>; status?: Record<string, unknown> };

/** The object, and one that differs in something that matters. */
function variantsOf(object: KubeObject): KubeObject[] {
  const other = structuredClone(object) as Loose;
  if (other.metadata.generation !== undefined) other.metadata.generation++;
  if (object.kind === "Service") other.spec["ports"] = [{ name: "http", port: 80, protocol: "TCP" }];
  if (object.kind === "Pod") other.metadata.labels = { app: "b" };
  if (object.kind === "Pod") other.spec["serviceAccountName"] = "other";
  if (object.kind.endsWith("Route")) other.spec["parentRefs"] = [{ group: "", kind: "Service", name: "web" }];
  if (object.kind.endsWith("Policy")) other.spec["selector"] = { matchLabels: { app: "b" } };
  if (object.kind === "EndpointSlice")
    Object.assign(other, { ports: [{ name: "tcp", port: 1, protocol: "TCP" }] });
  return [object, other];
}

/** Models with what an API server would hold. */
class Cluster {
  readonly models = emptyModels();
  readonly objects = new Map<string, KubeObject>();
  readonly statuses = new Map<string, MeshStatus>();
  /** All that was ever said to have changed, put together. */
  readonly told = new Map<string, unknown>();

  put(object: KubeObject): void {
    const id = idOf(object);
    take(this.models, object, this.objects.has(id) ? "updated" : "added");
    this.objects.set(id, object);
  }

  remove(id: string): void {
    const object = this.objects.get(id);
    if (object === undefined) return;
    this.objects.delete(id);
    this.statuses.delete(id);
    take(this.models, object, "deleted");
  }

  flush(): void {
    const changes = this.models.mesh.flush();
    applyChanges(this.told, changes);
    for (const [id, status] of changes.statuses) this.statuses.set(id, status);
  }
}

function idOf({ kind, metadata }: KubeObject): string {
  return `${kind}/${metadata.namespace}/${metadata.name}`;
}

const STEP = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({ kind: fc.constant("put" as const), object: fc.nat(30), variant: fc.nat(1) }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("remove" as const), object: fc.nat(30) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("flush" as const) }) },
);

/** Of routes that some Service is a parent of; others were taken back. */
function currentStatuses(cluster: Cluster): Map<string, MeshStatus> {
  return new Map(
    [...cluster.statuses]
      .filter(([, { status }]) => !("parents" in status) || status.parents.length > 0)
      .sort(([one], [other]) => (one < other ? -1 : 1)),
  );
}

test("any sequence of changes comes to what the objects at the end come to at once", () => {
  fc.assert(
    fc.property(
      fc.nat(CLUSTERS.length - 1),
      fc.array(STEP, { maxLength: 50, size: "max" }),
      (which, steps) => {
        const objects = CLUSTERS[which] ?? [];
        const cluster = new Cluster();
        for (const object of objects) cluster.put(object);
        for (const step of steps) {
          if (step.kind === "flush") cluster.flush();
          else {
            const object = objects[step.object % objects.length] as KubeObject;
            if (step.kind === "remove") cluster.remove(idOf(object));
            else cluster.put(variantsOf(object)[step.variant] as KubeObject);
          }
        }
        cluster.flush();
        const again = new Cluster();
        for (const id of [...cluster.objects.keys()].sort().reverse())
          again.put(cluster.objects.get(id) as KubeObject);
        again.flush();
        assert.equal(
          textOf(cluster.models, currentStatuses(cluster)),
          textOf(again.models, currentStatuses(again)),
        );
        assert.deepEqual(
          [...cluster.told].sort(([a], [b]) => (a < b ? -1 : 1)),
          [...again.told].sort(([a], [b]) => (a < b ? -1 : 1)),
        );
      },
    ),
    { numRuns: 300 },
  );
});

test("a change names what it changed and nothing else", () => {
  const cluster = new Cluster();
  for (const object of CLUSTERS.flat()) cluster.put(object);
  cluster.flush();
  const { mesh } = cluster.models;
  const before = mesh.services.get("default/web");
  const slice = CLUSTERS.flat().find(({ kind }) => kind === "EndpointSlice") as KubeObject;
  cluster.put(variantsOf(slice)[1] as KubeObject);
  const changes = mesh.flush();
  assert.deepEqual([...changes.sidecars.keys()], ["dual-stack/tcp-echo"]);
  assert.deepEqual([changes.services.size, changes.destinations.size, changes.statuses.size], [0, 0, 0]);
  assert.equal(mesh.services.get("default/web"), before);
  cluster.put(structuredClone(slice));
  cluster.put(structuredClone(slice));
  assert.equal(mesh.flush().sidecars.size, 1, "back to what it was");
  assert.deepEqual(mesh.flush().sidecars.size, 0);
});
