import assert from "node:assert/strict";
import { test } from "node:test";
import { closest } from "../../src/errors/closest.ts";

const COMMANDS = ["gateway", "mesh", "plan", "down"];
const VALUES = ["ipv4", "dualstack"];

for (const [word, known, meant, why] of [
  ["gatway", COMMANDS, "gateway", "a letter is missing"],
  ["gateways", COMMANDS, "gateway", "a letter is too many"],
  ["gatewag", COMMANDS, "gateway", "a letter is another"],
  ["paln", COMMANDS, "plan", "swapped letters are one change"],
  ["pln", COMMANDS, "plan", "one letter may differ in a short word, too"],
  ["DualStack ", VALUES, "dualstack", "case and blanks count for nothing"],
  ["dual-stack", VALUES, "dualstack", "signs are letters"],
  ["ipv6", VALUES, "ipv4", "the nearest"],
  ["lists", ["listen", "list"], "list", "the nearest, whichever comes first"],
  ["bogus", COMMANDS, undefined, "nothing is like it"],
  ["elephant", VALUES, undefined, "more than a third of the letters differ"],
  ["x", ["y", ...COMMANDS], undefined, "no letter is the same"],
  ["", ["y", ...COMMANDS], undefined, "nothing was written"],
  ["gateway", [], undefined, "nothing is known"],
] as const)
  test(`${JSON.stringify(word)} meant ${meant}: ${why}`, () => {
    assert.equal(closest(word, known), meant);
  });

test("a very long text is looked at in part", () => {
  assert.equal(closest("x".repeat(2_000_000), COMMANDS), undefined);
});
