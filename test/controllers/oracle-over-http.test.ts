import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { promisify } from "node:util";
import { startCluster, V4, V6 } from "./cluster.ts";

const ORACLE = join(import.meta.dirname, "../oracle");
const CLUSTERS: Record<string, readonly string[]> = { v4v6: [V4, V6], v6v4: [V6, V4], v4: [V4], v6: [V6] };

/**
 * Without the vectors that were recorded before the controller ran; see endpointslice-oracle.test.ts for the
 * evidence.
 */
function vectors(cluster: string): string {
  const file = JSON.parse(readFileSync(join(ORACLE, `endpointslices-${cluster}.json`), "utf8"));
  file.vectors = file.vectors.filter(({ id }: { id: string }) => !/^v4v6-21-[0-7]$/.test(id));
  return JSON.stringify(file);
}

describe("API server and controllers together make the recorded slices", { concurrency: 4 }, () => {
  for (const [cluster, ranges] of Object.entries(CLUSTERS)) {
    test(`in a ${cluster} cluster`, async () => {
      const { server, close } = await startCluster(ranges);
      const folder = mkdtempSync(join(tmpdir(), "tandem-slices-"));
      try {
        const file = join(folder, "vectors.json");
        writeFileSync(file, vectors(cluster));
        const script = join(ORACLE, "endpointslice-vectors.mjs");
        const args = [script, "replay", server.urls[0]!, server.token, file, "--show", "3"];
        const { stdout, stderr } = await promisify(execFile)(process.execPath, args);
        const [, exact, total] = /exact (\d+) of (\d+)/.exec(stdout) ?? [];
        assert.ok(Number(total) >= 112, stdout);
        assert.equal(exact, total, stdout + stderr);
      } finally {
        rmSync(folder, { recursive: true, force: true });
        await close();
      }
    });
  }
});
