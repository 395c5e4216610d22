import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import { loadKubeconfig } from "../../src/client/index.ts";
import { ROOT, TANDEM } from "./tandem.ts";

const ORACLE = join(ROOT, "test/oracle");

/** Starts `tandem` and waits for a line that matches; gives the line. */
async function start(
  test: { after(end: () => Promise<void>): void },
  args: readonly string[],
  ready: RegExp,
): Promise<string> {
  const child: ChildProcess = spawn(TANDEM, args, { stdio: ["ignore", "pipe", "inherit"] });
  test.after(async () => {
    if (child.exitCode !== null) return;
    const exit = once(child, "exit");
    child.kill("SIGTERM");
    assert.deepEqual(await exit, [0, null]);
  });
  for await (const line of createInterface({ input: child.stdout! })) if (ready.test(line)) return line;
  throw new Error(`tandem ${args[0]} ended before it was ready`);
}

test("tandem dns answers from tandem apiserver as CoreDNS did from kube-apiserver, at both loopbacks", async (test) => {
  const data = mkdtempSync(join(tmpdir(), "tandem-test-"));
  test.after(() => rmSync(data, { recursive: true, force: true }));
  const ranges = "--service-cluster-ip-range=10.96.0.0/16,fd00:10:96::/112";
  await start(test, ["apiserver", ranges, "--secure-port=0", `--data-dir=${data}`], /^serving on/);
  const kubeconfig = join(data, "kubeconfig");
  const { server, token } = await loadKubeconfig(kubeconfig);
  for (const address of ["127.0.0.1", "::1"]) {
    const dns = ["dns", `--kubeconfig=${kubeconfig}`, `--bind=${address}`, "--port=0", "--upstream=none"];
    const line = await start(test, dns, /^tandem dns: serving/);
    const port = /:(\d+) \(UDP/.exec(line)![1]!;
    const replay = [
      join(ORACLE, "dns-vectors.mjs"),
      "replay",
      server,
      token!,
      address,
      port,
      join(ORACLE, "dns.json"),
      "--show",
      "3",
    ];
    const child = spawn(process.execPath, replay, { stdio: ["ignore", "pipe", "inherit"] });
    assert.equal(await text(child.stdout), "dns: exact 137 of 137\n");
  }
});
