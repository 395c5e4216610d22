import assert from "node:assert/strict";
import { test } from "node:test";
import { domainFlag } from "../../src/cli/flags.ts";

const LONG = `${"a".repeat(63)}.`.repeat(4);

test("a domain is read without regard to case, and to a dot at its end", () => {
  for (const [text, domain] of [
    ["cluster.local", "cluster.local"],
    ["Cluster.Local.", "cluster.local"],
    ["x", "x"],
    ["1-a.b", "1-a.b"],
  ] as const)
    assert.equal(domainFlag(text), domain);
});

for (const bad of ["", ".", "a b", "a..b", "x..", "-a.b", "a-.b", "a_b", `${"a".repeat(64)}.b`, LONG])
  test(`no domain: ${JSON.stringify(bad)}`, () => {
    assert.throws(() => domainFlag(bad), /it is no DNS domain/);
  });
