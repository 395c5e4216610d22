import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import { startTestServer } from "./harness.ts";

/** The whole answers of kube-apiserver without controllers, masked where they vary; see the script for how. */
const ORACLE = join(import.meta.dirname, "../oracle");

/** Steps that may differ, by topic: docs/api-differences.md gives the reasons. */
const DIFFERENT: Record<string, readonly string[]> = {
  rest: [],
  patch: [],
  apply: [],
  table: ["15", "29", "35", "47", "57", "62", "110"].map((id) => `table-6-${id} step 1`),
  validate: [],
};

interface Difference {
  readonly step: string;
  // biome-ignore lint/suspicious/noExplicitAny: answers are read by path
  readonly expected: any;
  // biome-ignore lint/suspicious/noExplicitAny: answers are read by path
  readonly got: any;
}

/** Replays a topic against a fresh server. */
async function replay(topic: string): Promise<{ summary: string; differences: Difference[] }> {
  const { client, undo } = await startTestServer();
  const { token, urls } = client.server;
  const args = ["replay", urls[0]!, token, join(ORACLE, `api-${topic}.json`), "--show", "1000"];
  try {
    const { out, error } = await run([join(ORACLE, "api-vectors.mjs"), ...args]);
    return { summary: out, differences: differencesIn(error) };
  } finally {
    await undo();
  }
}

/** The script ends with 1 when anything differs: which is for the test to judge. */
function run(args: readonly string[]): Promise<{ out: string; error: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, args, { maxBuffer: 2 ** 28 }, (_, out, error) => resolve({ out, error }));
  });
}

function differencesIn(text: string): Difference[] {
  const found = text.matchAll(/^(\S+ step \d+): .*\n {2}body .*\n {2}expected (.*)\n {2}got {6}(.*)$/gm);
  return [...found].map(([, step, expected, got]) => ({
    step: step!,
    expected: JSON.parse(expected!),
    got: JSON.parse(got!),
  }));
}

for (const [topic, allowed] of Object.entries(DIFFERENT)) {
  test(`every recorded answer about ${topic} is the real one, save the named`, async () => {
    const { summary, differences } = await replay(topic);
    const [, exact, total, codes] = /exact (\d+) of (\d+) steps, same status (\d+) of/.exec(summary) ?? [];
    assert.ok(Number(total) > 200, summary);
    assert.equal(codes, total, summary);
    assert.deepEqual(differences.map(({ step }) => step).sort(), [...allowed].sort());
    assert.equal(Number(exact), Number(total) - allowed.length);
    for (const difference of differences) explain(difference);
  });
}

/** Holds that a named difference is the one that was named, and nothing else besides: one column more. */
function explain({ expected, got }: Difference): void {
  const added = got.body.columnDefinitions.pop();
  assert.equal(added.name, "Cluster-IPs");
  assert.equal(added.priority, 1, "only -o wide shows it");
  for (const row of got.body.rows) row.cells.pop();
  assert.deepEqual(got, expected);
}
