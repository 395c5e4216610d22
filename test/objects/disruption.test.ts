import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type AnyObject,
  admitNames,
  applyPatch,
  beforeCreate,
  beforeUpdate,
  decodeBody,
  defaultObject,
  fillSystemMetadata,
  KINDS,
  tableOf,
} from "../../src/objects/index.ts";
import { ApiError } from "../../src/objects/status.ts";

const KIND = KINDS.PodDisruptionBudget;
const NOW = new Date("2026-01-01T00:01:00Z");
const SELECTOR = { matchLabels: { app: "web" } };

function create(spec: object): AnyObject {
  const text = JSON.stringify({ metadata: { name: "web" }, spec, status: { disruptionsAllowed: 7 } });
  const { object } = decodeBody(KIND, text, { mode: "Strict" });
  admitNames(KIND, object, { namespace: "ns" });
  defaultObject(KIND, object);
  fillSystemMetadata(object, { now: NOW, uid: "u" });
  beforeCreate(KIND, object);
  return object;
}

function messageOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (error instanceof ApiError) return error.message;
    throw error;
  }
  return "";
}

test("a new budget allows nothing until somebody has counted", () => {
  const budget = create({ maxUnavailable: 1, selector: SELECTOR });
  assert.equal(budget.metadata.generation, 1);
  assert.deepEqual(budget["status"], {
    disruptionsAllowed: 0,
    currentHealthy: 0,
    desiredHealthy: 0,
    expectedPods: 0,
  });
});

for (const [spec, wrong] of [
  [{ minAvailable: 0 }, undefined],
  [{ maxUnavailable: "100%", unhealthyPodEvictionPolicy: "AlwaysAllow", selector: {} }, undefined],
  [
    { minAvailable: 1, maxUnavailable: "10%", selector: SELECTOR },
    'spec: Invalid value: {"MinAvailable":1,"Selector":{"matchLabels":{"app":"web"}},"MaxUnavailable":"10%",' +
      '"UnhealthyPodEvictionPolicy":null}: minAvailable and maxUnavailable cannot be both set',
  ],
  [{ minAvailable: -1 }, "spec.minAvailable: Invalid value: -1: must be greater than or equal to 0"],
  [{ maxUnavailable: "101%" }, 'spec.maxUnavailable: Invalid value: "101%": must not be greater than 100%'],
  [
    { maxUnavailable: "some" },
    `spec.maxUnavailable: Invalid value: "some": a valid percent string must be a numeric string followed by ` +
      `an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')`,
  ],
  [
    { selector: { matchExpressions: [{ key: "a", operator: "In" }] } },
    "spec.selector.matchExpressions[0].values: Required value: must be specified when `operator` is 'In' or 'NotIn'",
  ],
  [
    { unhealthyPodEvictionPolicy: "Never" },
    'spec.unhealthyPodEvictionPolicy: Unsupported value: "Never": supported values: "AlwaysAllow", "IfHealthyBudget"',
  ],
] as const) {
  test(`${JSON.stringify(spec)} is ${wrong === undefined ? "a budget" : "none"}`, () => {
    const expected = wrong === undefined ? "" : `PodDisruptionBudget.policy "web" is invalid: ${wrong}`;
    assert.equal(
      messageOf(() => create(spec)),
      expected,
    );
  });
}

test("a change of the spec is a new generation and leaves the status, one of the status leaves the spec", () => {
  const stored = { ...create({ minAvailable: 1 }) };
  stored.metadata.resourceVersion = "1";
  const next = structuredClone(stored);
  next["spec"] = { minAvailable: 2 };
  next["status"] = { ...next["status"], disruptionsAllowed: 3 };
  const status = structuredClone(next);
  beforeUpdate(KIND, next, stored);
  assert.deepEqual([next.metadata.generation, next["status"].disruptionsAllowed], [2, 0]);
  beforeUpdate(KIND, status, stored, "status");
  assert.deepEqual([status["spec"], status["status"].disruptionsAllowed], [{ minAvailable: 1 }, 3]);
  const negative = structuredClone(stored);
  negative["status"].expectedPods = -1;
  assert.match(
    messageOf(() => beforeUpdate(KIND, negative, stored, "status")),
    /status\.expectedPods: Invalid value: -1: must be greater than or equal to 0/,
  );
});

test("a patch replaces the whole selector, as pods that match half of two are nobody's", () => {
  const stored = create({ minAvailable: 1, selector: SELECTOR });
  const text = JSON.stringify({ spec: { selector: { matchLabels: { tier: "front" } } } });
  const patch = { type: "strategic", text, mode: "Strict" } as const;
  const { object } = applyPatch(KIND, stored, patch);
  assert.deepEqual(object["spec"].selector, { matchLabels: { tier: "front" } });
});

test("a table shows what is asked for and what is allowed", () => {
  const budget = create({ maxUnavailable: "10%" });
  budget.metadata.creationTimestamp = "2026-01-01T00:00:00Z";
  budget["status"].disruptionsAllowed = 2;
  const table = tableOf(KIND, [budget], { now: NOW });
  const names = table.columnDefinitions.map(({ name }) => name);
  assert.deepEqual(names, ["Name", "Min Available", "Max Unavailable", "Allowed Disruptions", "Age"]);
  assert.deepEqual(table.rows[0]?.cells, ["web", "N/A", "10%", 2, "60s"]);
});
