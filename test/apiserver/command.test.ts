import assert from "node:assert/strict";
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { Agent } from "node:https";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { ended, runToEnd, send, startProcess } from "./process.ts";

const folder = mkdtempSync(join(tmpdir(), "tandem-command-"));
const agent = new Agent({ keepAlive: true, rejectUnauthorized: false });
after(() => {
  agent.destroy();
  rmSync(folder, { recursive: true, force: true });
});

test("the command serves, writes a kubeconfig, keeps its objects over a restart and ends cleanly", async () => {
  const dataDir = join(folder, "keep");
  const first = await startProcess(dataDir, ["--service-cluster-ip-range=fd00:1::/112,10.1.0.0/16"]);
  assert.equal(statSync(join(dataDir, "kubeconfig")).mode & 0o777, 0o600);
  const service = await send(first, agent, "GET", "/api/v1/namespaces/default/services/kubernetes");
  assert.equal(service.body.spec.clusterIP, "fd00:1::1");
  const body = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "kept" } };
  const created = await send(first, agent, "POST", "/api/v1/namespaces/default/configmaps", body);
  const stopped = ended(first.child);
  first.child.kill("SIGTERM");
  assert.equal((await stopped).code, 0);

  const second = await startProcess(dataDir, ["--service-cluster-ip-range=fd00:1::/112,10.1.0.0/16"]);
  const kept = await send(second, agent, "GET", "/api/v1/namespaces/default/configmaps/kept");
  assert.deepEqual(kept.body, created.body);
  const again = ended(second.child);
  second.child.kill("SIGINT");
  assert.equal((await again).code, 0);
});

test("bad flags are told with what, where, why and next", async () => {
  const cases: [flag: string, why: RegExp][] = [
    ["--service-cluster-ip-range=10.0.0.0/33", /service-cluster-ip-range\[0\] is not a valid cidr/],
    ["--service-cluster-ip-range=10.0.0.0/16,10.1.0.0/16", /must be of different IP family/],
    ["--service-cluster-ip-range=10.0.0.0/16,fd00::/112,10.9.0.0/16", /more than two entries/],
    ["--service-node-port-range=70000-70001", /port range|invalid argument/],
    ["--secure-port=99999", /a port is a number from 0 to 65535/],
  ];
  for (const [flag, why] of cases) {
    const { code, error } = await runToEnd([`--data-dir=${join(folder, "bad")}`, "--secure-port=0", flag]);
    assert.equal(code, 65, flag);
    assert.match(error, why);
    assert.match(error, /^tandem: cannot start the API server: .*\n {2}where: .*\n {2}next: /);
  }
});

test("a port in use is told, and so is a data directory in use or damaged", async () => {
  const busy = createServer();
  await new Promise<void>((resolve) => busy.listen(0, "127.0.0.1", resolve));
  const { port } = busy.address() as AddressInfo;
  const taken = await runToEnd([`--data-dir=${join(folder, "port")}`, `--secure-port=${port}`]);
  assert.equal(taken.code, 1);
  assert.match(
    taken.error,
    new RegExp(`the port is in use by another process\n  where: 127.0.0.1:${port}\n  next: `),
  );
  busy.close();

  const dataDir = join(folder, "shared");
  const server = await startProcess(dataDir);
  const second = await runToEnd([`--data-dir=${dataDir}`, "--secure-port=0"]);
  assert.match(second.error, /another process uses it/);
  const stopped = ended(server.child);
  server.child.kill("SIGTERM");
  await stopped;
  writeFileSync(join(dataDir, "store/data.mdb"), "x".repeat(10_000));
  const damaged = await runToEnd([`--data-dir=${dataDir}`, "--secure-port=0"]);
  assert.equal(damaged.code, 65);
  assert.match(damaged.error, /it is damaged/);
});
