import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { bootstrap } from "../../src/envoy/process/bootstrap.ts";
import { findEnvoy } from "../../src/envoy/process/find.ts";
import { superviseEnvoy } from "../../src/envoy/process/supervise.ts";
import { freePort } from "./ads-envoy.ts";

async function statusOf(url: string): Promise<number> {
  try {
    const response = await fetch(url, { headers: { connection: "close" } });
    await response.text();
    return response.status;
  } catch {
    return 0;
  }
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await sleep(50);
}

test("Envoy is ready over both families, comes back when killed, and goes when told", async () => {
  const folder = mkdtempSync(join(tmpdir(), "tandem-supervise-"));
  const ports = { admin: await freePort(), stats: await freePort(), ready: await freePort() };
  const configPath = join(folder, "bootstrap.json");
  const node = { id: "a", cluster: "test" };
  writeFileSync(configPath, JSON.stringify(bootstrap({ node, families: ["IPv6", "IPv4"], ports })));
  const stop = new AbortController();
  const pids: number[] = [];
  const lines: string[] = [];
  const done = superviseEnvoy(
    {
      envoy: findEnvoy({ env: process.env }),
      configPath,
      admin: { host: "::1", port: ports.admin },
      concurrency: 1,
      logLevel: "critical",
      drainMs: 10_000,
      log: (line) => lines.push(line),
      onStart: (pid) => pids.push(pid),
    },
    stop.signal,
  );
  try {
    const hosts = ["127.0.0.1", "[::1]"];
    for (const host of hosts) {
      await until(async () => (await statusOf(`http://${host}:${ports.ready}/ready`)) === 200);
      assert.equal(await statusOf(`http://${host}:${ports.ready}/config_dump`), 404);
      assert.equal(await statusOf(`http://${host}:${ports.stats}/stats/prometheus`), 200);
    }
    process.kill(pids[0] as number, "SIGKILL");
    await until(async () => pids.length === 2);
    for (const host of hosts)
      await until(async () => (await statusOf(`http://${host}:${ports.ready}/ready`)) === 200);
    assert.match(lines.join("\n"), /Envoy ended \(SIGKILL\)/);

    stop.abort();
    // draining: still there, and not ready
    await until(async () => (await statusOf(`http://127.0.0.1:${ports.ready}/ready`)) === 503);
    await done;
    assert.throws(() => process.kill(pids[1] as number, 0), /ESRCH/);
    assert.equal(pids.length, 2);
  } finally {
    stop.abort();
    await done;
    rmSync(folder, { recursive: true });
  }
});
