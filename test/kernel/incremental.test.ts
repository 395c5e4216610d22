/** Very many small changes of very many Services, against a full load of what they lead to. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Programmer, type NodeFacts } from "../../src/kernel/index.ts";
import { createTrafficModel, type TrafficModel } from "../../src/traffic/index.ts";
import { anyChange, applyChange, type Change, describeChange, SERVICES } from "./churn.ts";
import { FACTS, useNamespace } from "./network.ts";
import { freshLoad, stateOf } from "./state.ts";

const CHANGES = Number(process.env["TORTURE_CHANGES"] ?? 1000);
const SEED = Number(process.env["TORTURE_SEED"] ?? Math.trunc(Math.random() * 2 ** 31));
/** How many changes at most are one transaction, and after how many all is compared. */
const BATCH = 24;
const COMPARED_AFTER = 250;
/** After how many comparisons a new agent takes over. */
const RESTARTED_AFTER = 3;

/** With a zone, so that hints count. */
const facts: NodeFacts = { ...FACTS, zone: "east" };
const space = useNamespace();
const scratch = useNamespace();

/** The changes in batches: a batch is what comes in while a transaction is under way. */
function batchesOf(changes: readonly Change[]): Change[][] {
  const sizes = fc.sample(fc.integer({ min: 1, max: BATCH }), { seed: SEED, numRuns: changes.length });
  const batches: Change[][] = [];
  for (let start = 0; start < changes.length; ) {
    const size = sizes[batches.length] ?? 1;
    batches.push(changes.slice(start, start + size));
    start += size;
  }
  return batches;
}

function difference(actual: readonly string[], expected: readonly string[]): string {
  const [has, wants] = [new Set(actual), new Set(expected)];
  const lines = [
    ...expected.filter((line) => !has.has(line)).map((line) => `lacks ${line}`),
    ...actual.filter((line) => !wants.has(line)).map((line) => `has   ${line}`),
  ];
  return lines.slice(0, 30).join("\n");
}

/** What a comparison of everything finds to put right. */
async function audit(programmer: Programmer, model: TrafficModel): Promise<object> {
  const { elements, foreignRules } = await programmer.sync(model);
  return { elements, foreignRules };
}

const NOTHING = { elements: { IPv4: 0, IPv6: 0 }, foreignRules: false };

test(`${CHANGES} changes of ${SERVICES} Services leave exactly what a full load makes (seed ${SEED})`, async () => {
  const model = createTrafficModel();
  // Four changes a Service come before the start, so that the first ones find a cluster.
  const changes = fc.sample(anyChange, { seed: SEED, numRuns: 4 * SERVICES + CHANGES });
  for (const change of changes.splice(0, 4 * SERVICES)) applyChange(model, change);
  let programmer = new Programmer(space.exec, facts);
  await programmer.sync(model);
  let done = 0;
  let comparisons = 0;
  let since: Change[] = [];
  for (const batch of batchesOf(changes)) {
    const keys = new Set(batch.flatMap((change) => applyChange(model, change)));
    await programmer.update(new Map([...keys].map((key) => [key, model.get(key)])));
    done += batch.length;
    since = [...since, ...batch];
    if (since.length < COMPARED_AFTER && done < CHANGES) {
      if (done % 5 === 0) await programmer.tidy();
      else if (done % 7 === 0) assert.deepEqual(await audit(programmer, model), NOTHING);
      continue;
    }
    await programmer.tidy();
    const [actual, expected] = [await stateOf(space.exec), await freshLoad(scratch.exec, model, facts)];
    const found = difference(actual, expected);
    const context = since.map(describeChange).join("\n");
    assert.equal(found, "", `seed ${SEED}, after change ${done}:\n${found}\nsince it was right:\n${context}`);
    since = [];
    if (++comparisons % RESTARTED_AFTER !== 0) continue;
    // Whoever starts now takes over what is there, and goes on from it.
    programmer = new Programmer(space.exec, facts);
    assert.deepEqual(await audit(programmer, model), NOTHING);
  }
  assert.equal(done, CHANGES);
});
