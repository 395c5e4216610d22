import assert from "node:assert/strict";
import { test } from "node:test";
import { type AnyObject, KINDS, tableOf } from "../../src/objects/index.ts";
import { causesOf, NOW, store, update } from "./workload-writes.ts";

const KIND = KINDS.StatefulSet;
const SPEC = {
  serviceName: "web",
  selector: { matchLabels: { app: "web" } },
  template: { metadata: { labels: { app: "web" } }, spec: { containers: [{ name: "c", image: "i" }] } },
};

const create = (spec: object, name = "web"): AnyObject => store(KIND, { metadata: { name }, spec });

test("a StatefulSet gets its defaults, and a status that counts nothing", () => {
  const { spec, status, metadata } = create(SPEC);
  const { template: _, selector: __, ...rest } = spec;
  assert.deepEqual(rest, {
    podManagementPolicy: "OrderedReady",
    persistentVolumeClaimRetentionPolicy: { whenDeleted: "Retain", whenScaled: "Retain" },
    replicas: 1,
    revisionHistoryLimit: 10,
    serviceName: "web",
    updateStrategy: { type: "RollingUpdate", rollingUpdate: { partition: 0, maxUnavailable: 1 } },
  });
  assert.deepEqual([status, metadata.generation], [{ replicas: 0, availableReplicas: 0 }, 1]);
  const explicit = create({ ...SPEC, updateStrategy: { type: "RollingUpdate" } });
  assert.deepEqual(explicit["spec"].updateStrategy, { type: "RollingUpdate" });
});

test("claims become what the real server writes, and mounts find them", () => {
  const container = { name: "c", image: "i", volumeMounts: [{ name: "data", mountPath: "/data" }] };
  const template = { ...SPEC.template, spec: { containers: [container] } };
  const claim = { metadata: { name: "data" }, spec: { accessModes: ["ReadWriteOnce"] } };
  const { spec } = create({ ...SPEC, template, volumeClaimTemplates: [claim] });
  assert.deepEqual(spec.volumeClaimTemplates, [
    {
      apiVersion: "v1",
      kind: "PersistentVolumeClaim",
      metadata: { name: "data" },
      spec: { accessModes: ["ReadWriteOnce"], resources: {}, volumeMode: "Filesystem" },
      status: { phase: "Pending" },
    },
  ]);
  assert.deepEqual(
    causesOf(() => create({ ...SPEC, template })),
    ['spec.template.spec.containers[0].volumeMounts[0].name: Not found: "data"'],
  );
});

for (const [change, ...causes] of [
  [
    { podManagementPolicy: "No" },
    `spec.podManagementPolicy: Invalid value: "No": must be 'OrderedReady' or 'Parallel'`,
  ],
  [
    { updateStrategy: { type: "OnDelete", rollingUpdate: { partition: 1 } } },
    `spec.updateStrategy.rollingUpdate: Invalid value: {"partition":1}: only allowed for updateStrategy 'RollingUpdate'`,
  ],
  [
    { updateStrategy: { rollingUpdate: { partition: -1, maxUnavailable: 0 } } },
    "spec.updateStrategy.rollingUpdate.partition: Invalid value: -1: must be greater than or equal to 0",
    "spec.updateStrategy.rollingUpdate.maxUnavailable: Invalid value: 0: cannot be 0",
  ],
  [
    { replicas: -1, minReadySeconds: -2, ordinals: { start: -3 } },
    "spec.replicas: Invalid value: -1: must be greater than or equal to 0",
    "spec.minReadySeconds: Invalid value: -2: must be greater than or equal to 0",
    "spec.ordinals.start: Invalid value: -3: must be greater than or equal to 0",
  ],
  [{ selector: {} }, "spec.selector: Invalid value: {}: empty selector is invalid for statefulset"],
  [
    { template: { ...SPEC.template, spec: { ...SPEC.template.spec, restartPolicy: "Never" } } },
    'spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"',
  ],
  [
    { persistentVolumeClaimRetentionPolicy: { whenScaled: "Maybe" } },
    'spec.persistentVolumeClaimRetentionPolicy.whenScaled: Unsupported value: "Maybe": supported values: "Delete", "Retain"',
  ],
] as const) {
  test(`it refuses ${JSON.stringify(change).slice(0, 60)}`, () => {
    assert.deepEqual(
      causesOf(() => create({ ...SPEC, ...change })),
      causes,
    );
  });
}

test("its name is a label, as its pods' names are", () => {
  assert.match(causesOf(() => create(SPEC, "a.b"))[0] ?? "", /^metadata.name: Invalid value: "a.b"/);
});

test("most of it stays as it was made", () => {
  const stored = create(SPEC);
  for (const change of [{ serviceName: "x" }, { podManagementPolicy: "Parallel" }]) {
    assert.deepEqual(
      causesOf(() => update(KIND, stored, ({ spec }) => Object.assign(spec, change))),
      [
        "spec: Forbidden: updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', " +
          "'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are " +
          "forbidden",
      ],
    );
  }
  const next = update(KIND, stored, ({ spec }) => {
    Object.assign(spec, { replicas: 3, ordinals: { start: 1 }, minReadySeconds: 1, revisionHistoryLimit: 2 });
    spec.updateStrategy.rollingUpdate.partition = 1;
    spec.template.spec.containers[0].image = "j";
  });
  assert.equal(next.metadata.generation, 2);
});

test("its status holds together", () => {
  const stored = create(SPEC);
  const status = { replicas: 1, readyReplicas: 1, availableReplicas: 2, updatedReplicas: 2 };
  assert.deepEqual(
    causesOf(() => update(KIND, stored, (next) => Object.assign(next, { status }), "status")),
    [
      "status.updatedReplicas: Invalid value: 2: cannot be greater than status.replicas",
      "status.availableReplicas: Invalid value: 2: cannot be greater than status.replicas",
      "status.availableReplicas: Invalid value: 2: cannot be greater than status.readyReplicas",
    ],
  );
});

test("a ControllerRevision keeps its data; its rows name the owner", () => {
  const ownerReferences = [
    { apiVersion: "apps/v1", kind: "StatefulSet", name: "web", uid: "u", controller: true },
  ];
  const data = { spec: { template: { $patch: "replace" } } };
  const revision = { metadata: { name: "web-1", ownerReferences }, data, revision: 1 };
  const stored = store(KINDS.ControllerRevision, revision);
  assert.deepEqual(stored["data"], data);
  const change = (next: AnyObject): unknown => Object.assign(next, { data: { spec: {} }, revision: 2 });
  assert.deepEqual(
    causesOf(() => update(KINDS.ControllerRevision, stored, change)),
    ['data: Invalid value: {"spec":{}}: field is immutable'],
  );
  const { rows } = tableOf(KINDS.ControllerRevision, [stored], { now: NOW });
  assert.deepEqual(rows[0]?.cells, ["web-1", "statefulset.apps/web", 1, "0s"]);
  assert.deepEqual(
    causesOf(() => store(KINDS.ControllerRevision, { ...revision, data: null })),
    ["data: Required value: data is mandatory"],
  );
});

test("rows of StatefulSets", () => {
  const set = create({ ...SPEC, replicas: 3 });
  const { rows } = tableOf(KIND, [{ ...set, status: { readyReplicas: 2 } } as AnyObject], { now: NOW });
  assert.deepEqual(rows[0]?.cells, ["web", "2/3", "0s", "c", "i"]);
});
