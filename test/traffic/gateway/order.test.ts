import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import * as fc from "fast-check";
import type { KubeObject } from "../../../src/objects/types.ts";
import type { DesiredStatus, GatewayModel } from "../../../src/traffic/gateway/index.ts";
import { emptyModel, isReport, objectsOf, take, textOf } from "./text.ts";

const FOLDER = join(import.meta.dirname, "golden");

/** Each golden input, and variants of its objects that differ in something that matters. */
const CLUSTERS = readdirSync(FOLDER)
  .filter((name) => name.endsWith(".in.yaml"))
  .map(
    (name) =>
      objectsOf(readFileSync(join(FOLDER, name), "utf8")).filter(
        (object) => !isReport(object),
      ) as KubeObject[],
  );

type Loose = { spec?: Record<string, unknown>; data?: unknown; metadata: KubeObject["metadata"] };

function variantsOf(object: KubeObject): KubeObject[] {
  const other = structuredClone(object) as KubeObject & Loose;
  other.metadata.generation = 2;
  const { spec } = other;
  if (object.kind === "Namespace") other.metadata.labels = { color: "blue" };
  if (object.kind === "GatewayClass" && spec) spec["controllerName"] = "somebody.example/else";
  if (object.kind === "Gateway" && spec) spec["listeners"] = (spec["listeners"] as unknown[]).slice(1);
  if (object.kind.endsWith("Route") && spec) spec["parentRefs"] = (spec["parentRefs"] as unknown[]).slice(1);
  if (object.kind === "HTTPRoute" && spec) spec["hostnames"] = ["other.example.com", "second.test"];
  if (object.kind === "Secret" || object.kind === "ConfigMap") other.data = {};
  if (object.kind === "Service" && spec) spec["ports"] = [{ port: 81, protocol: "TCP" }];
  if (object.kind === "ListenerSet" && spec) spec["parentRef"] = { name: "nowhere" };
  if (object.kind === "ClientTrafficPolicy" && spec) spec["connection"] = { connectionLimit: { value: 7 } };
  if (object.kind === "BackendTrafficPolicy" && spec)
    spec["targetRefs"] = [{ group: "gateway.networking.k8s.io", kind: "Gateway", name: "gw" }];
  if (object.kind === "GatewayParameters") other.spec = { ipFamilies: ["IPv6", "IPv4"] };
  return [object, other];
}

function idOf({ kind, metadata }: KubeObject): string {
  return metadata.namespace ? `${kind}/${metadata.namespace}/${metadata.name}` : `${kind}/${metadata.name}`;
}

/** A model with what an API server would hold: objects, and the statuses written to them. */
class Cluster {
  readonly model: GatewayModel = emptyModel();
  readonly objects = new Map<string, KubeObject>();
  readonly statuses = new Map<string, DesiredStatus>();

  put(object: KubeObject): void {
    const id = idOf(object);
    const old = this.objects.get(id) as (KubeObject & { status?: unknown }) | undefined;
    const next = old?.status === undefined ? object : { ...object, status: old.status };
    this.objects.set(id, next);
    take(this.model, next, old === undefined ? "added" : "updated");
  }

  remove(id: string): void {
    const object = this.objects.get(id);
    if (object === undefined) return;
    this.objects.delete(id);
    this.statuses.delete(id);
    take(this.model, object, "deleted");
  }

  /** Statuses are computed; with `write` they get to the objects, and to the model as changes of these. */
  flush(write: boolean): void {
    const { statuses } = this.model.flush();
    for (const [id, status] of statuses) {
      this.statuses.set(id, status);
      const object = this.objects.get(id);
      if (!write || object === undefined) continue;
      const written = { ...object, status: status.status };
      this.objects.set(id, written);
      take(this.model, written, "updated");
    }
  }

  /** Everything in force; what was said about objects that are not ours any more does not count. */
  text(ours: ReadonlyMap<string, DesiredStatus>): string {
    const statuses = [...this.statuses].filter(([id]) => ours.has(id));
    return textOf(this.model, new Map(statuses));
  }
}

type Step =
  | { readonly kind: "put" | "remove"; readonly object: number; readonly variant: number }
  | { readonly kind: "flush"; readonly write: boolean };

const STEP: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({ kind: fc.constant("put" as const), object: fc.nat(30), variant: fc.nat(1) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant("remove" as const), object: fc.nat(30), variant: fc.nat(1) }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("flush" as const), write: fc.boolean() }) },
);

/** Without what earlier objects left in a status: other kinds of emptiness mean the same. */
function fresh(cluster: Cluster): Cluster {
  const again = new Cluster();
  for (const [, object] of [...cluster.objects].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const { status: _status, ...rest } = object as KubeObject & { status?: unknown };
    again.put(withOthers(rest, _status));
  }
  again.flush(false);
  return again;
}

/** Entries of other controllers are part of the input. */
function withOthers(object: KubeObject, status: unknown): KubeObject {
  const parents = (status as { parents?: { controllerName: string }[] } | undefined)?.parents ?? [];
  const others = parents.filter(({ controllerName }) => controllerName.startsWith("other."));
  return others.length === 0 ? object : ({ ...object, status: { parents: others } } as KubeObject);
}

test("any sequence of changes comes to what the objects at the end come to at once", () => {
  fc.assert(
    fc.property(
      fc.nat(CLUSTERS.length - 1),
      fc.array(STEP, { maxLength: 60, size: "max" }),
      (which, steps) => {
        const objects = CLUSTERS[which] ?? [];
        const cluster = new Cluster();
        for (const object of objects) cluster.put(object);
        for (const step of steps) {
          if (step.kind === "flush") {
            cluster.flush(step.write);
            continue;
          }
          const object = objects[step.object % objects.length] as KubeObject;
          if (step.kind === "put") cluster.put(variantsOf(object)[step.variant] as KubeObject);
          else cluster.remove(idOf(object));
        }
        cluster.flush(true);
        const again = fresh(cluster);
        assert.equal(cluster.text(again.statuses), again.text(again.statuses));
        for (const id of again.statuses.keys())
          assert.ok(cluster.statuses.has(id), `nothing was said about ${id}`);
        cluster.flush(true);
        assert.equal(cluster.model.flush().statuses.size, 0, "it does not come to rest");
      },
    ),
    { numRuns: 400 },
  );
});

test("objects may arrive in any order", () => {
  fc.assert(
    fc.property(
      fc.nat(CLUSTERS.length - 1).chain((which) => {
        const objects = CLUSTERS[which] ?? [];
        return fc.shuffledSubarray(objects, { minLength: objects.length });
      }),
      (objects) => {
        const cluster = new Cluster();
        for (const object of objects) cluster.put(object);
        cluster.flush(false);
        const again = fresh(cluster);
        assert.equal(cluster.text(again.statuses), again.text(again.statuses));
      },
    ),
    { numRuns: 100 },
  );
});
