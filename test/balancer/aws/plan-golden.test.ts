import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { parse } from "yaml";
import type { PlannedStep } from "../../../src/traffic/balancer/provider.ts";
import { modelOf, settle, type TestService, world } from "./cluster.ts";

const FOLDER = join(import.meta.dirname, "plans");

/** A Service that is settled (or none), and what it is to become; in the fake of AWS. */
interface Input {
  readonly before?: TestService;
  readonly after: TestService;
}

function lineOf({ verb, kind, name, details }: PlannedStep): string {
  return [`${verb} ${kind} ${name}`, ...details.map((detail) => `  ${detail}`)].join("\n");
}

async function planOf({ before, after }: Input): Promise<string> {
  const { provider, live, clock, connection } = world(before ?? after);
  if (before !== undefined) await settle(provider, live, clock);
  live.apply(after);
  const writes = () => connection.calls.filter(({ name }) => !name.startsWith("describe")).length;
  const written = writes();
  const steps = await provider.plan(modelOf(live.service), live.context);
  assert.equal(writes(), written, "a plan changes nothing");
  return steps.length === 0 ? "nothing to do\n" : `${steps.map(lineOf).join("\n")}\n`;
}

// To write the expected files anew: UPDATE_GOLDEN=1; then read what changed.
for (const file of readdirSync(FOLDER).filter((name) => name.endsWith(".in.yaml"))) {
  const name = file.replace(".in.yaml", "");
  test(`plan: ${name}`, async () => {
    const plan = await planOf(parse(readFileSync(join(FOLDER, file), "utf8")) as Input);
    const expected = join(FOLDER, `${name}.out.txt`);
    if (process.env["UPDATE_GOLDEN"]) writeFileSync(expected, plan);
    assert.ok(existsSync(expected), `${expected} is missing`);
    assert.equal(plan, readFileSync(expected, "utf8"));
  });
}
