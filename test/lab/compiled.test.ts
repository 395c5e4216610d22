import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

const PROGRAM = resolve(import.meta.dirname, "../../src/lab/images/programs/tcp-echo.ts");

test("a server of an image keeps what Node compiled while it runs: pods of a lab that ends come to no end of their own", async () => {
  const cache = mkdtempSync(join(tmpdir(), "tandem-compiled-"));
  const kept = (): number =>
    readdirSync(cache, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).length;
  const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", PROGRAM, "0", "hello"], {
    env: { ...process.env, NODE_COMPILE_CACHE: cache },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const end = once(child, "exit");
  try {
    await once(child.stdout, "data");
    for (let tries = 0; kept() < 2 && tries < 6_000; tries++) await sleep(20);
    assert.equal(child.exitCode, null);
    assert.ok(kept() >= 2, "its modules and those they import");
  } finally {
    child.kill("SIGKILL");
    await end;
    rmSync(cache, { recursive: true });
  }
});
