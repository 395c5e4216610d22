import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";

const FOLDER = join(import.meta.dirname, "../../conformance/api");
const version = spawnSync("go", ["env", "GOVERSION"], { encoding: "utf8" }).stdout ?? "";
const minor = Number(/^go1\.(\d+)/.exec(version)?.[1] ?? 0);
const skip =
  minor >= 25 ? false : "2026-11-21: needs Go 1.25 or newer on PATH, which Debian 12 does not have";

test("client-go and controller-runtime drive the API server", { skip }, () => {
  const env = { ...process.env };
  delete env["KUBECONFIG"];
  const result = spawnSync("go", ["test", "-count=1", "./..."], { cwd: FOLDER, env, encoding: "utf8" });
  assert.equal(result.status, 0, result.stdout + result.stderr);
});
