import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { Agent } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { ended, type ServerProcess, send, startProcess } from "./process.ts";

const ROUNDS = Number(process.env["TORTURE_KILLS"] ?? 5);
const SERVICES = "/api/v1/namespaces/default/services";

interface Known {
  readonly version: number;
  readonly addresses: readonly string[];
}

/** Creates, changes and deletes Services until the connection breaks; notes what was acknowledged, and tells so. */
async function load(
  server: ServerProcess,
  agent: Agent,
  client: number,
  known: Map<string, Known | undefined>,
  onAcknowledged: () => void,
): Promise<void> {
  for (let turn = 0; ; turn++) {
    const name = `s-${process.hrtime.bigint()}-${client}`;
    const spec = {
      ipFamilyPolicy: "RequireDualStack",
      type: turn % 3 === 0 ? "NodePort" : "ClusterIP",
      ports: [{ port: 80 }],
    };
    const body = { apiVersion: "v1", kind: "Service", metadata: { name }, spec };
    const created = await send(server, agent, "POST", SERVICES, body);
    if (created.status === 0) return;
    assert.equal(created.status, 201, JSON.stringify(created.body));
    known.set(name, {
      version: Number(created.body.metadata.resourceVersion),
      addresses: created.body.spec.clusterIPs,
    });
    onAcknowledged();
    if (turn % 4 !== 3) continue;
    // what is unknown after a kill may be either way
    const before = known.get(name);
    known.set(name, undefined);
    const deleted = await send(server, agent, "DELETE", `${SERVICES}/${name}`);
    if (deleted.status === 0) return;
    assert.ok(before !== undefined && deleted.status === 200);
    known.delete(name);
    known.set(`gone ${name}`, undefined);
  }
}

interface Stored {
  readonly metadata: { readonly name: string; readonly resourceVersion: string };
  readonly spec: { readonly clusterIPs?: string[]; readonly ports: { readonly nodePort?: number }[] };
}

async function check(
  server: ServerProcess,
  agent: Agent,
  known: ReadonlyMap<string, Known | undefined>,
): Promise<number> {
  const list = (await send(server, agent, "GET", SERVICES)).body as {
    items: Stored[];
    metadata: { resourceVersion: string };
  };
  const stored = new Map(list.items.map((item) => [item.metadata.name, item]));
  for (const [name, wanted] of known) {
    if (name.startsWith("gone ")) assert.equal(stored.has(name.slice(5)), false, `${name} came back`);
    else if (wanted !== undefined)
      assert.equal(stored.get(name)?.metadata.resourceVersion, String(wanted.version), `${name} is lost`);
  }
  const held = list.items.flatMap(({ spec }) => spec.clusterIPs ?? []);
  assert.equal(new Set(held).size, held.length, "an address was given twice");
  const ports = list.items.flatMap(({ spec }) => spec.ports.flatMap(({ nodePort }) => nodePort ?? []));
  assert.equal(new Set(ports).size, ports.length, "a node port was given twice");
  const addresses = (await send(server, agent, "GET", "/apis/networking.k8s.io/v1/ipaddresses")).body as {
    items: Stored[];
  };
  assert.deepEqual(
    addresses.items.map(({ metadata }) => metadata.name).sort(),
    held.sort(),
    "addresses and Services differ",
  );
  return Number(list.metadata.resourceVersion);
}

/** Node ports are 2,768: where many Services have come together they are deleted, and must stay away. */
const KEPT_MAX = 2000;
const DELETERS = 16;

async function makeRoom(
  server: ServerProcess,
  agent: Agent,
  known: Map<string, Known | undefined>,
): Promise<void> {
  const { items } = (await send(server, agent, "GET", SERVICES)).body as { items: Stored[] };
  if (items.length < KEPT_MAX) return;
  known.clear();
  const names = items.map(({ metadata }) => metadata.name).filter((name) => name !== "kubernetes");
  const deleteNext = async (): Promise<void> => {
    for (let name = names.pop(); name !== undefined; name = names.pop()) {
      const deleted = await send(server, agent, "DELETE", `${SERVICES}/${name}`);
      assert.equal(deleted.status, 200, JSON.stringify(deleted.body));
      known.set(`gone ${name}`, undefined);
    }
  };
  await Promise.all(Array.from({ length: DELETERS }, deleteNext));
}

test(`after kill -9 under load, ${ROUNDS} times, every acknowledged write is there and nothing is given twice`, async () => {
  const dataDir = mkdtempSync(join(tmpdir(), "tandem-kill-"));
  const known = new Map<string, Known | undefined>();
  let newest = 0;
  const started: ServerProcess[] = [];
  const start = async (): Promise<ServerProcess> => {
    const server = await startProcess(dataDir);
    started.push(server);
    return server;
  };
  try {
    for (let round = 0; round < ROUNDS; round++) {
      const agent = new Agent({ keepAlive: true, maxSockets: 16, rejectUnauthorized: false });
      const server = await start();
      const revision = await check(server, agent, known);
      assert.ok(revision >= newest, "revisions went back");
      newest = revision;
      await makeRoom(server, agent, known);
      const begun = Promise.withResolvers<void>();
      const working = Promise.all(
        Array.from({ length: 8 }, (_, client) => load(server, agent, client, known, begun.resolve)),
      );
      const stopped = ended(server.child);
      // a busy machine may take long for the first write of all
      const kill = () => setTimeout(() => server.child.kill("SIGKILL"), 20 + Math.random() * 300);
      void begun.promise.then(kill);
      await Promise.all([working, stopped]);
      for (const wanted of known.values())
        if (wanted !== undefined) newest = Math.max(newest, wanted.version);
      agent.destroy();
    }
    const agent = new Agent({ rejectUnauthorized: false });
    const server = await start();
    await check(server, agent, known);
    assert.ok(known.size >= ROUNDS, "the load was none");
    const stopped = ended(server.child);
    server.child.kill("SIGTERM");
    await stopped;
    agent.destroy();
  } finally {
    for (const { child } of started) child.kill("SIGKILL");
    rmSync(dataDir, { recursive: true, force: true });
  }
});
