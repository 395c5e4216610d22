import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { NodeFacts } from "../../src/kernel/index.ts";
import { modelOf, rulesOf } from "./text.ts";

const README = join(import.meta.dirname, "../../src/kernel/README.md");

const FACTS: NodeFacts = {
  nodeName: "node-1",
  families: ["IPv4", "IPv6"],
  addresses: {},
  podRanges: { IPv4: ["10.244.0.0/16"], IPv6: ["fd00:10:244::/56"] },
};

test("the worked example of the README comes out as it says", () => {
  const text = readFileSync(README, "utf8");
  const yaml = /```yaml\n([\s\S]*?)```/.exec(text)?.[1] ?? "";
  const rules = rulesOf(modelOf(yaml), FACTS);
  if (process.env["UPDATE_GOLDEN"]) {
    writeFileSync(
      README,
      text.replace(/```nft\n[\s\S]*?```/, () => `\`\`\`nft\n${rules}\`\`\``),
    );
  } else {
    assert.equal(/```nft\n([\s\S]*?)```/.exec(text)?.[1], rules);
  }
});
