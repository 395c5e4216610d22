import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { parse } from "yaml";
import { printPlans } from "../../src/cli/balancer/report.ts";
import type { Service } from "../../src/objects/types.ts";
import { translateBalancer } from "../../src/traffic/balancer/index.ts";
import { NODES, settle, world } from "./aws/cluster.ts";

const README = join(import.meta.dirname, "../../src/balancer/aws/README.md");

test("the worked example of the README comes out as it says", async () => {
  const text = readFileSync(README, "utf8");
  const { provider, clock, live } = world();
  const plans: string[] = [];
  for (const [, yaml = ""] of text.matchAll(/```yaml\n([\s\S]*?)```/g)) {
    const service = parse(yaml) as Service;
    live.service = { ...service, metadata: { ...service.metadata, uid: "0f4a2e6c" } };
    const { ownership, findings, model } = translateBalancer(live.service, {
      provider: "aws",
      nodes: NODES,
      endpointSlices: [],
    });
    const steps = model === undefined ? undefined : await provider.plan(model, live.context);
    plans.push(`${printPlans([{ service: live.key, ownership, findings, steps }])}\n`);
    await settle(provider, live, clock);
  }
  if (process.env["UPDATE_GOLDEN"]) {
    const left = [...plans];
    writeFileSync(
      README,
      text.replaceAll(/```text\n[\s\S]*?```/g, () => `\`\`\`text\n${left.shift()}\`\`\``),
    );
  } else
    assert.deepEqual(
      [...text.matchAll(/```text\n([\s\S]*?)```/g)].map(([, said]) => said),
      plans,
    );
});
