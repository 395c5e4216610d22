import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { parseCidr } from "../../src/ip/cidr.ts";
import { startTestServer } from "./harness.ts";

const ORACLE = join(import.meta.dirname, "../oracle");
const V4 = "10.96.0.0/16";
const V6 = "fd00:10:96::/112";
const CLUSTERS: Record<string, readonly string[]> = { v4v6: [V4, V6], v6v4: [V6, V4], v4: [V4], v6: [V6] };

interface Vectors {
  readonly vectors: { readonly steps: { readonly edit?: { ipFamilies?: string[]; $reverse?: string } }[] }[];
}

/** An edit that brings a list and reverses it was written down after the recorder had reversed it in place. */
function corrected(text: string): string {
  const file = JSON.parse(text) as Vectors;
  for (const { steps } of file.vectors) {
    for (const { edit } of steps) if (edit?.$reverse !== undefined) edit.ipFamilies?.reverse();
  }
  return JSON.stringify(file);
}

for (const [cluster, ranges] of Object.entries(CLUSTERS)) {
  test(`a ${cluster} cluster answers every recorded request for Services as kube-apiserver did`, async () => {
    const serviceClusterIPRanges = ranges.map((range) => parseCidr(range)!);
    const { client, undo } = await startTestServer({ serviceClusterIPRanges });
    const folder = mkdtempSync(join(tmpdir(), "tandem-oracle-"));
    try {
      const file = join(folder, "vectors.json");
      writeFileSync(file, corrected(readFileSync(join(ORACLE, `services-${cluster}.json`), "utf8")));
      const args = [
        join(ORACLE, "service-vectors.mjs"),
        "replay",
        client.server.urls[0]!,
        client.server.token,
        file,
        "--show",
        "5",
      ];
      const { stdout, stderr } = await promisify(execFile)(process.execPath, args);
      const [, exact, total] = /exact (\d+) of (\d+) steps/.exec(stdout) ?? [];
      assert.ok(Number(total) > 800, stdout);
      assert.equal(exact, total, stdout + stderr);
    } finally {
      rmSync(folder, { recursive: true, force: true });
      await undo();
    }
  });
}
