import assert from "node:assert/strict";
import { test } from "node:test";
import { keepTimesIfUnchanged } from "../../../src/objects/apply/keep-times.ts";
import { managedKind } from "../../../src/objects/apply/managed-kind.ts";
import { managedFieldsAfterUpdate } from "../../../src/objects/apply/update.ts";
import { type AnyObject, decodeValue, KINDS, type Kind } from "../../../src/objects/index.ts";

const NOW = "2026-01-01T00:00:00Z";
const LATER = "2026-01-01T00:00:05Z";

interface Write {
  readonly manager?: string;
  readonly subresource?: string;
  readonly now?: string;
}

/** Writes as a registry does: decode, own, store. */
function write(kind: Kind, live: AnyObject | undefined, value: object, options: Write = {}): AnyObject {
  const next = decodeValue(kind, structuredClone(value), "Ignore").object;
  const { manager = "test", subresource, now = NOW } = options;
  const managedFields = managedFieldsAfterUpdate(managedKind(kind), {
    live,
    next,
    manager,
    subresource,
    now,
  });
  if (managedFields === undefined) delete next.metadata.managedFields;
  else next.metadata.managedFields = managedFields;
  next.metadata.uid = "u";
  return next;
}

const configMap = (data: object, metadata: object = {}): object => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name: "c", ...metadata },
  data,
});

const fieldsOf = (object: AnyObject): string[] =>
  ((object.metadata.managedFields ?? []) as { manager: string; fieldsV1: object; time: string }[]).map(
    ({ manager, fieldsV1, time }) => `${manager} ${time} ${JSON.stringify(fieldsV1)}`,
  );

test("who creates an object owns what it has, but not its name", () => {
  const created = write(KINDS.ConfigMap, undefined, configMap({ a: "1" }, { labels: { x: "y" } }));
  assert.deepEqual(created.metadata.managedFields, [
    {
      apiVersion: "v1",
      fieldsType: "FieldsV1",
      fieldsV1: { "f:data": { ".": {}, "f:a": {} }, "f:metadata": { "f:labels": { ".": {}, "f:x": {} } } },
      manager: "test",
      operation: "Update",
      time: NOW,
    },
  ]);
});

test("a created Deployment has no owner for what its type always has", () => {
  const created = write(KINDS.Deployment, undefined, {
    metadata: { name: "d" },
    spec: {
      selector: { matchLabels: { app: "x" } },
      strategy: { type: "Recreate" },
      template: { spec: { containers: [{ name: "c", ports: [{ containerPort: 80 }] }] } },
    },
    status: { replicas: 1 },
  });
  const [entry] = created.metadata.managedFields as [{ fieldsV1: unknown }];
  assert.deepEqual(entry.fieldsV1, {
    "f:spec": {
      "f:selector": {},
      "f:strategy": { "f:type": {} },
      "f:template": {
        "f:spec": {
          "f:containers": {
            'k:{"name":"c"}': {
              ".": {},
              "f:name": {},
              "f:ports": {
                ".": {},
                'k:{"containerPort":80,"protocol":"TCP"}': { ".": {}, "f:containerPort": {} },
              },
              "f:resources": {},
            },
          },
        },
      },
    },
  });
});

test("who changes a field takes it over; the time is that of the last change", () => {
  const created = write(KINDS.ConfigMap, undefined, configMap({ a: "1", b: "1" }), { manager: "alice" });
  const same = write(KINDS.ConfigMap, created, { ...created }, { manager: "bob", now: LATER });
  assert.deepEqual(fieldsOf(same), fieldsOf(created));
  const changed = write(KINDS.ConfigMap, created, configMap({ a: "2", b: "1" }), {
    manager: "bob",
    now: LATER,
  });
  assert.deepEqual(fieldsOf(changed), [
    `alice ${NOW} {"f:data":{".":{},"f:b":{}}}`,
    `bob ${LATER} {"f:data":{"f:a":{}}}`,
  ]);
  const removed = write(KINDS.ConfigMap, changed, configMap({ b: "1" }), { manager: "carol", now: LATER });
  assert.deepEqual(fieldsOf(removed), [`alice ${NOW} {"f:data":{".":{},"f:b":{}}}`]);
});

test("status belongs to the status subresource, the spec to the object", () => {
  const spec = { selector: { matchLabels: { a: "b" } }, template: {} };
  const made = { metadata: { name: "d" }, spec: { ...spec, replicas: 1 }, status: { replicas: 3 } };
  const created = write(KINDS.Deployment, undefined, made);
  assert.deepEqual(fieldsOf(created), [`test ${NOW} {"f:spec":{"f:replicas":{},"f:selector":{}}}`]);
  const next = { ...created, spec: { ...spec, replicas: 9 }, status: { replicas: 4 } };
  const updated = write(KINDS.Deployment, created, next, { manager: "kubelet", subresource: "status" });
  const entries = updated.metadata.managedFields as {
    manager: string;
    subresource?: string;
    fieldsV1: unknown;
  }[];
  const own = entries.find(({ manager }) => manager === "kubelet");
  assert.equal(own?.subresource, "status");
  assert.deepEqual(own?.fieldsV1, { "f:status": { "f:replicas": {} } });
});

test("clients can edit the managers, and forget them all", () => {
  const created = write(KINDS.ConfigMap, undefined, configMap({ a: "1" }), { manager: "alice" });
  const [entry] = created.metadata.managedFields as object[];
  const renamed = { ...entry, manager: "bob" };
  const edited = write(KINDS.ConfigMap, created, configMap({ a: "1" }, { managedFields: [renamed] }));
  assert.deepEqual(fieldsOf(edited), [`bob ${NOW} {"f:data":{".":{},"f:a":{}}}`]);
  const broken = { ...entry, fieldsV1: { nonsense: {} } };
  const kept = write(KINDS.ConfigMap, created, configMap({ a: "1" }, { managedFields: [broken] }));
  assert.deepEqual(fieldsOf(kept), fieldsOf(created));
  for (const managedFields of [[], [{}]]) {
    const forgotten = write(KINDS.ConfigMap, created, configMap({ a: "2" }, { managedFields }));
    assert.equal(forgotten.metadata.managedFields, undefined);
    const still = write(KINDS.ConfigMap, forgotten, configMap({ a: "3" }));
    assert.equal(still.metadata.managedFields, undefined);
  }
});

test("a subresource cannot edit the managers", () => {
  const created = write(KINDS.Service, undefined, {
    metadata: { name: "s" },
    spec: { ports: [{ port: 80 }] },
  });
  const next = { ...created, metadata: { ...created.metadata, managedFields: [{}] } };
  const updated = write(KINDS.Service, created, next, { subresource: "status", manager: "x" });
  assert.deepEqual(fieldsOf(updated), fieldsOf(created));
});

test("from the eleventh updater on, the oldest become ancient changes", () => {
  let live = write(KINDS.ConfigMap, undefined, configMap({ k0: "0" }), { manager: "m00" });
  const data: Record<string, string> = { k0: "0" };
  for (let i = 1; i <= 12; i++) {
    data[`k${i}`] = "1";
    const now = `2026-01-01T00:00:${String(i).padStart(2, "0")}Z`;
    live = write(KINDS.ConfigMap, live, configMap({ ...data }), {
      manager: `m${String(i).padStart(2, "0")}`,
      now,
    });
  }
  const fields = fieldsOf(live);
  assert.equal(fields.length, 10);
  assert.equal(
    fields[0],
    'ancient-changes 2026-01-01T00:00:03Z {"f:data":{".":{},"f:k0":{},"f:k1":{},"f:k2":{},"f:k3":{}}}',
  );
});

test("an object whose list items have no keys is stored without managers", () => {
  const created = write(KINDS.ServiceAccount, undefined, {
    metadata: { name: "s" },
    secrets: [{ kind: "x" }],
  });
  assert.equal(created.metadata.managedFields, undefined);
});

test("names that objects inherit in JavaScript are plain keys", () => {
  const odd = JSON.parse('{"constructor":"1","toString":"2","hasOwnProperty":"3"}') as object;
  const created = write(KINDS.ConfigMap, undefined, configMap({ a: "1" }));
  const updated = write(KINDS.ConfigMap, created, configMap(odd), { manager: "bob", now: LATER });
  assert.deepEqual(fieldsOf(updated), [
    `test ${NOW} {"f:data":{}}`,
    `bob ${LATER} {"f:data":{"f:constructor":{},"f:hasOwnProperty":{},"f:toString":{}}}`,
  ]);
});

test("a write without effect keeps the times of its managers", () => {
  const stored = write(KINDS.ConfigMap, undefined, configMap({ a: "1" }));
  const next = structuredClone(stored);
  (next.metadata.managedFields as { time: string }[])[0]!.time = LATER;
  keepTimesIfUnchanged(next, stored);
  assert.deepEqual(next, stored);
  const other = structuredClone(stored);
  (other.metadata.managedFields as { time: string }[])[0]!.time = LATER;
  other["data"] = { a: "2" };
  keepTimesIfUnchanged(other, stored);
  assert.equal((other.metadata.managedFields as { time: string }[])[0]!.time, LATER);
});
