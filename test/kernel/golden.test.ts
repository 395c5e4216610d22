import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { NodeFacts } from "../../src/kernel/index.ts";
import { modelOf, rulesOf } from "./text.ts";

const FOLDER = join(import.meta.dirname, "golden");

const FACTS: NodeFacts = {
  nodeName: "node-1",
  families: ["IPv4", "IPv6"],
  addresses: { IPv4: ["172.18.0.2"], IPv6: ["fd00:172:18::2"] },
  podRanges: { IPv4: ["10.244.0.0/16"], IPv6: ["fd00:10:244::/56"] },
  serviceRanges: { IPv4: ["10.96.0.0/16"], IPv6: ["fd00:10:96::/112"] },
};

// To write the expected files anew: UPDATE_GOLDEN=1; then read what changed.
for (const file of readdirSync(FOLDER).filter((name) => name.endsWith(".in.yaml"))) {
  const name = file.replace(".in.yaml", "");
  test(`golden: ${name}`, () => {
    const rules = rulesOf(modelOf(readFileSync(join(FOLDER, file), "utf8")), FACTS);
    const expected = join(FOLDER, `${name}.out.nft`);
    if (process.env["UPDATE_GOLDEN"]) writeFileSync(expected, rules);
    assert.ok(existsSync(expected), `${expected} is missing`);
    assert.equal(rules, readFileSync(expected, "utf8"));
  });
}

test("a node of one family gets the rules of that family only", () => {
  const model = modelOf(readFileSync(join(FOLDER, "cluster-ip.in.yaml"), "utf8"));
  const both = rulesOf(model, FACTS);
  const one = rulesOf(model, { ...FACTS, families: ["IPv6"] });
  assert.ok(!/ ip tandem/.test(one));
  assert.equal(one, both.slice(both.indexOf("add chain ip6")));
});
