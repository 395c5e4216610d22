import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { type Component, judge } from "../../src/allocation/flags/index.ts";

interface Case {
  component: Component;
  args: string[];
  accepted: boolean;
  error: string;
}

const cases = ["flags.json", "flags-apiserver.json"].flatMap((name) => {
  const recorded = new URL(`../oracle/${name}`, import.meta.url);
  return (JSON.parse(readFileSync(recorded, "utf8")) as { cases: Case[] }).cases;
});

describe("component flags, as the real components judged them", () => {
  for (const { component, args, accepted, error } of cases) {
    it(`${component} ${args.join(" ")}`, () => {
      const verdict = judge(component, args);
      assert.deepEqual({ accepted: verdict.accepted, error: verdict.error }, { accepted, error });
    });
  }
});
