import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

test("lmdb: a full disk refuses writes clearly, and they go on when there is room again", () => {
  const folder = mkdtempSync(join(tmpdir(), "tandem-full-"));
  try {
    const script = join(import.meta.dirname, "full-disk.case.ts");
    const inside = 'mount -t tmpfs -o size=3m none "$1" && exec "$2" "$3" "$1"';
    const args = [
      "--user",
      "--map-root-user",
      "--mount",
      "sh",
      "-c",
      inside,
      "sh",
      folder,
      process.execPath,
      script,
    ];
    const { stdout, stderr } = spawnSync("unshare", args, { encoding: "utf8" });
    assert.equal(stdout, "recovered\n", stderr);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
