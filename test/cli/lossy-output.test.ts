import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { test } from "node:test";

const SRC = join(import.meta.dirname, "../../src/cli");

/** Runs Node with its standard error on a full disk. */
function onFullDisk(args: readonly string[]) {
  const full = openSync("/dev/full", "w");
  try {
    return spawnSync(process.execPath, args, { stdio: ["ignore", "pipe", full], encoding: "utf8" });
  } finally {
    closeSync(full);
  }
}

test("a process whose log cannot be written goes on", () => {
  const program = `
    import { loseWhatCannotBeWritten } from ${JSON.stringify(join(SRC, "lossy-output.ts"))};
    loseWhatCannotBeWritten(1, 2);
    console.error("one");
    process.stderr.write("two");
    setTimeout(() => console.log("still here", process.stderr.destroyed), 20);`;
  const { status, stdout } = onFullDisk(["--input-type=module", "-e", program]);
  assert.equal(stdout, "still here false\n");
  assert.equal(status, 0);
});

test("exit codes are what they are where the error's text cannot be written", () => {
  assert.equal(onFullDisk([join(SRC, "main.ts"), "nonsense"]).status, 64);
});

test("output that nobody reads to its end is no failure", async () => {
  const args = [join(SRC, "main.ts"), "gateway", "manifests", "--image", "x"];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"] });
  child.stdout.destroy();
  const [errors, [code]] = await Promise.all([text(child.stderr), once(child, "exit")]);
  assert.equal(errors, "");
  assert.equal(code, 0);
});
