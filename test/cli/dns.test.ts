import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";

const TANDEM = fileURLToPath(new URL("../../bin/tandem", import.meta.url));

describe("tandem dns", () => {
  it("says which flag it cannot use, and why", () => {
    for (const [flag, value, why] of [
      ["--port", "70000", "a port is a number"],
      ["--bind", "localhost", "it is no IP address"],
      ["--upstream", "example.com", "a resolver is an IP address"],
    ] as const) {
      const { status, stderr } = spawnSync(TANDEM, ["dns", flag, value], { encoding: "utf8" });
      assert.equal(status, 64, flag);
      assert.match(
        stderr,
        new RegExp(`cannot serve DNS: ${why}.*\\n\\s+where: flag ${flag}, value "${value}"`),
      );
    }
  });

  it("needs a kubeconfig", () => {
    const { status, stderr } = spawnSync(TANDEM, ["dns", "--kubeconfig", "/nonexistent/kubeconfig"], {
      encoding: "utf8",
    });
    assert.notEqual(status, 0);
    assert.match(stderr, /\/nonexistent\/kubeconfig/);
  });
});
