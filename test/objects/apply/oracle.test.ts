import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { tidy } from "./mask.ts";
import type { Step } from "../mini-api.ts";
import { Registry } from "./registry.ts";

interface Vector {
  readonly id: string;
  readonly steps: readonly (Step & { readonly expect: unknown })[];
}

const file = new URL("../../oracle/api-apply.json", import.meta.url);
const { vectors } = JSON.parse(readFileSync(file, "utf8")) as { vectors: Vector[] };

for (const { id, steps } of vectors) {
  test(`${id} is answered as by kube-apiserver`, () => {
    const registry = new Registry();
    for (const { expect, ...step } of steps) {
      const path = step.path.replace("{ns}", "recorded");
      const { status, body, warnings } = registry.patch({ ...step, path });
      const where = `${step.path} ${JSON.stringify(step.body)}`;
      assert.deepEqual(tidy(status, body, warnings), expect, where);
    }
  });
}
