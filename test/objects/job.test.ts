import assert from "node:assert/strict";
import { test } from "node:test";
import { type AnyObject, KINDS, tableOf } from "../../src/objects/index.ts";
import { causesOf, NOW, store, update } from "./workload-writes.ts";

const KIND = KINDS.Job;
const TEMPLATE = { spec: { restartPolicy: "Never", containers: [{ name: "c", image: "i" }] } };

const create = (spec: object = {}, name = "pi"): AnyObject =>
  store(KIND, { metadata: { name }, spec: { template: TEMPLATE, ...spec } });

test("a Job gets its defaults, labels that are its pods' alone, and the selector of them", () => {
  const { spec, status, metadata } = create();
  const { template, ...rest } = spec;
  assert.deepEqual(rest, {
    backoffLimit: 6,
    completionMode: "NonIndexed",
    completions: 1,
    manualSelector: false,
    parallelism: 1,
    podReplacementPolicy: "TerminatingOrFailed",
    selector: { matchLabels: { "batch.kubernetes.io/controller-uid": "u" } },
    suspend: false,
  });
  assert.deepEqual(template.metadata.labels, {
    "batch.kubernetes.io/controller-uid": "u",
    "batch.kubernetes.io/job-name": "pi",
    "controller-uid": "u",
    "job-name": "pi",
  });
  assert.deepEqual(metadata.labels, template.metadata.labels, "a Job without labels shows its pods'");
  assert.deepEqual([status, metadata.generation], [{}, 1]);
  const queue = create({ parallelism: 2 });
  assert.equal(queue["spec"].completions, undefined, "a queue of work ends when the work does");
});

test("labels of the template are the Job's own where it has none", () => {
  const template = { ...TEMPLATE, metadata: { labels: { app: "pi" } } };
  assert.equal(create({ template }).metadata.labels?.["app"], "pi");
});

for (const [change, ...causes] of [
  [
    { template: { spec: { containers: TEMPLATE.spec.containers } } },
    'spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never"',
  ],
  [
    {
      parallelism: -1,
      completions: -1,
      backoffLimit: -1,
      activeDeadlineSeconds: -1,
      ttlSecondsAfterFinished: -1,
    },
    "spec.parallelism: Invalid value: -1: must be greater than or equal to 0",
    "spec.completions: Invalid value: -1: must be greater than or equal to 0",
    "spec.activeDeadlineSeconds: Invalid value: -1: must be greater than or equal to 0",
    "spec.backoffLimit: Invalid value: -1: must be greater than or equal to 0",
    "spec.ttlSecondsAfterFinished: Invalid value: -1: must be greater than or equal to 0",
  ],
  [
    { completionMode: "Other" },
    'spec.completionMode: Unsupported value: "Other": supported values: "Indexed", "NonIndexed"',
  ],
  [
    { completionMode: "Indexed", parallelism: 200_000 },
    "spec.completions: Required value: when completion mode is Indexed",
    "spec.parallelism: Invalid value: 200000: must be less than or equal to 100000 when completion mode is Indexed",
  ],
  [
    { manualSelector: true },
    "spec.selector: Required value",
    "spec.template.metadata.labels: Invalid value: null: `selector` does not match template `labels`",
  ],
  [
    { backoffLimitPerIndex: 1, backoffLimit: 1 },
    "spec.backoffLimitPerIndex: Forbidden: it is not heeded here; a Job without it is run",
  ],
] as const) {
  test(`it refuses ${JSON.stringify(change).slice(0, 60)}`, () => {
    assert.deepEqual(
      causesOf(() => create(change)),
      causes,
    );
  });
}

test("a selector or labels of one's own are refused, unless they are asked for", () => {
  const foreign = { selector: { matchLabels: { app: "pi" } } };
  assert.match(
    causesOf(() => create(foreign)).join("\n"),
    /^spec\.selector: .*: `selector` not auto-generated/m,
  );
  const template = { ...TEMPLATE, metadata: { labels: { "job-name": "other" } } };
  assert.match(
    causesOf(() => create({ template })).join("\n"),
    /^spec\.template\.metadata\.labels\[job-name\]: Invalid value: .*: must be 'pi'/m,
  );
  const own = { ...TEMPLATE, metadata: { labels: { app: "pi" } } };
  const { spec } = create({ ...foreign, manualSelector: true, template: own });
  assert.deepEqual(spec.template.metadata.labels, { app: "pi" });
});

test("what its pods are made from stays; where they run may change while it is suspended and fresh", () => {
  const pin = ({ spec }: AnyObject): unknown => (spec.template.spec.nodeSelector = { zone: "a" });
  assert.match(
    causesOf(() => update(KIND, create(), pin))[0] ?? "",
    /^spec\.template: Invalid value: .*: field is immutable$/,
  );
  const suspended = create({ suspend: true });
  assert.deepEqual(update(KIND, suspended, pin)["spec"].template.spec.nodeSelector, { zone: "a" });
  suspended["status"] = { startTime: "2026-01-01T00:00:00Z" };
  assert.equal(causesOf(() => update(KIND, suspended, pin)).length, 1);
  const image = ({ spec }: AnyObject): unknown => (spec.template.spec.containers[0].image = "j");
  assert.equal(causesOf(() => update(KIND, create({ suspend: true }), image)).length, 1);
});

test("completions stay, but for those of an Indexed Job that go with its parallelism", () => {
  const more = ({ spec }: AnyObject): unknown => (spec.completions = 3);
  assert.deepEqual(
    causesOf(() => update(KIND, create(), more)),
    ["spec.completions: Invalid value: 3: field is immutable"],
  );
  const indexed = create({ completionMode: "Indexed", completions: 2, parallelism: 2 });
  assert.deepEqual(
    causesOf(() => update(KIND, indexed, more)),
    ["spec.completions: Invalid value: 3: can only be modified in tandem with spec.parallelism"],
  );
  const both = ({ spec }: AnyObject): unknown => Object.assign(spec, { completions: 3, parallelism: 3 });
  assert.equal(update(KIND, indexed, both)["spec"].completions, 3);
});

const RUN = { startTime: "2026-01-01T00:00:00Z" };
for (const [spec, status, expected] of [
  [{}, {}, ["Running", "0/1", ""]],
  [{ completions: 3 }, { ...RUN, succeeded: 2 }, ["Running", "2/3", "60s"]],
  [{ parallelism: 4 }, { ...RUN, succeeded: 1 }, ["Running", "1/1 of 4", "60s"]],
  [
    {},
    {
      ...RUN,
      completionTime: "2026-01-01T00:00:07Z",
      conditions: ["SuccessCriteriaMet", "Complete"],
      succeeded: 1,
    },
    ["Complete", "1/1", "7s"],
  ],
  [{}, { conditions: ["FailureTarget"] }, ["FailureTarget", "0/1", ""]],
  [{}, { conditions: ["FailureTarget", "Failed"] }, ["Failed", "0/1", ""]],
  [{ suspend: true }, { conditions: ["Suspended"] }, ["Suspended", "0/1", ""]],
] as const) {
  test(`the row of a Job says ${expected.join(", ")}`, () => {
    const { conditions = [] } = status as { conditions?: readonly string[] };
    const written = { ...status, conditions: conditions.map((type) => ({ type, status: "True" })) };
    const of = { ...create(spec), status: written } as AnyObject;
    const { rows, columnDefinitions } = tableOf(KIND, [of], { now: NOW });
    assert.deepEqual(rows[0]?.cells.slice(1, 4), expected);
    assert.deepEqual(
      columnDefinitions.map(({ name }) => name),
      ["Name", "Status", "Completions", "Duration", "Age", "Containers", "Images", "Selector"],
    );
  });
}
