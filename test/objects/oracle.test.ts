import assert from "node:assert/strict";
import { test } from "node:test";
import type { Step } from "./mini-api.ts";
import { type Difference, replay } from "./replay.ts";

/** What a server answers and not the objects room: lists, deletion, apply, options, paths that do not exist. */
function isServerWork(step: Step, expect: { status: number; body: { text?: string } }): boolean {
  if (step.method === "DELETE" || step.type === "application/apply-patch+yaml") return true;
  if (/scale|elector|limit=|continue|no-such|nosuch|Bogus|dryRun=(all|None|$)/.test(step.path)) return true;
  return [405, 406, 415].includes(expect.status) || expect.body.text !== undefined;
}

function differencesOf(topic: string, atLeast: number): Difference[] {
  const file = new URL(`../oracle/api-${topic}.json`, import.meta.url);
  const { total, differences } = replay(file, (step, expect) => !isServerWork(step, expect));
  assert.ok(total >= atLeast, `only ${total} steps of ${topic} were replayed`);
  return differences;
}

function assertNone(differences: readonly Difference[]): void {
  const shown = differences.slice(0, 3).map(({ where, step, expected, actual }) => {
    const { start, before } = firstDifference(expected, actual);
    return `${where}: ${step.method} ${step.path}\n  ${before}\n  expected ${expected.slice(start, start + 300)}\n  actual   ${actual.slice(start, start + 300)}`;
  });
  assert.equal(differences.length, 0, `${differences.length} answers differ:\n${shown.join("\n")}`);
}

function firstDifference(a: string, b: string): { start: number; before: string } {
  let start = 0;
  while (start < a.length && a[start] === b[start]) start++;
  return { start, before: a.slice(Math.max(0, start - 120), start) };
}

test("objects, errors and defaults are those of the recorded REST requests", () => {
  assertNone(differencesOf("rest", 200));
});

test("validation finds what the recorded server found", () => {
  assertNone(differencesOf("validate", 200));
});

test("patches leave what they left on the recorded server", () => {
  // The one answer that shows a whole object shows it in the order of Go's struct fields.
  const showsObject = ({ expected }: Difference) => expected.includes('Invalid value: \\"{');
  assertNone(differencesOf("patch", 300).filter((difference) => !showsObject(difference)));
});

test("tables have the recorded columns and cells; Services of two families show one column more", () => {
  assertNone(differencesOf("table", 400).filter(({ actual }) => !actual.includes('"Cluster-IPs"')));
});
