import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { test } from "node:test";

const WRAPPER = resolve(import.meta.dirname, "../../bin/tandem");
const ARCH = process.arch === "arm64" ? "arm64" : "x64";

/** A folder with bin/tandem and, in the place of Node, a program that says how tandem was called. */
function installation(): string {
  const root = mkdtempSync(join(tmpdir(), "tandem-name-"));
  mkdirSync(join(root, "bin"));
  writeFileSync(join(root, "bin/tandem"), readFileSync(WRAPPER));
  const node = join(root, `node_modules/node-linux-${ARCH}/bin/node`);
  mkdirSync(resolve(node, ".."), { recursive: true });
  writeFileSync(node, '#!/bin/sh\necho "$TANDEM_COMMAND"\n');
  for (const program of [node, join(root, "bin/tandem")]) chmodSync(program, 0o755);
  return root;
}

test("the commands that tandem tells to type are called as it was itself", () => {
  const root = installation();
  try {
    mkdirSync(join(root, "links"));
    symlinkSync(join(root, "bin/tandem"), join(root, "links/tandem"));
    const path = process.env["PATH"] ?? "";
    const called = (command: string, PATH: string) =>
      execFileSync("sh", ["-c", command], { cwd: root, env: { PATH }, encoding: "utf8" }).trim();
    assert.equal(called("bin/tandem", path), "bin/tandem");
    assert.equal(called("./bin/tandem", path), "./bin/tandem");
    assert.equal(called("links/tandem", path), "links/tandem");
    assert.equal(called("tandem", `${join(root, "links")}:${path}`), "tandem");
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
});
