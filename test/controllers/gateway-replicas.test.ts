import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { get } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { installDefinitions } from "../../src/cli/gateway/definitions.ts";
import { XDS_CERTIFICATE_FOLDER } from "../../src/controllers/gateway/index.ts";
import { GATEWAY_KINDS, type HTTPRoute } from "../../src/objects/gateway/index.ts";
import { KINDS } from "../../src/objects/kinds.ts";
import type { Deployment, Lease, Secret } from "../../src/objects/types.ts";
import { ENVOY, freePort } from "../envoy/ads-envoy.ts";
import { firstLineOf, keepLease, startCluster, type TestCluster } from "./cluster.ts";

const TANDEM = join(import.meta.dirname, "../../bin/tandem");
/** Much longer than a lease of a leader that is silent. */
const PATIENCE = 120_000;

async function until<T>(ask: () => Promise<T>, holds: (answer: T) => boolean): Promise<T> {
  const end = Date.now() + PATIENCE;
  for (;;) {
    const answer = await ask();
    if (holds(answer)) return answer;
    if (Date.now() > end) assert.fail(`after ${PATIENCE} ms: ${JSON.stringify(answer)}`);
    await sleep(50);
  }
}

/** A replica that serves xDS on one address of the two that Envoys know. */
async function startReplica(cluster: TestCluster, port: number, address: string) {
  const flags = [`--kubeconfig=${cluster.server.kubeconfigPath}`, `--xds-port=${port}`];
  flags.push(`--xds-bind=${address}`, "--xds-advertise=127.0.0.1,::1");
  const child = spawn(TANDEM, ["gateway", ...flags], { stdio: ["ignore", "pipe", "pipe"] });
  const said: string[] = [];
  createInterface(child.stderr).on("line", (line) => said.push(line));
  await firstLineOf(child);
  return {
    child,
    leads: () => said.some((line) => /^tandem gateway: \S+ leads \(/.test(line)),
  };
}

/** The proxy of a Gateway as its Deployment says, in this network: admin where there is room, no health and stats. */
async function startProxy({ client }: TestCluster, name: string, folder: string): Promise<ChildProcess> {
  const ask = () => client.get<Deployment>(KINDS.Deployment, name, "default").catch(() => undefined);
  const deployment = await until(ask, (found) => found !== undefined);
  const secret = await client.get<Secret>(KINDS.Secret, name, "default");
  const here = (text: string) => text.replaceAll(XDS_CERTIFICATE_FOLDER, folder);
  for (const [file, data] of Object.entries(secret.data ?? {}))
    await writeFile(join(folder, file), here(Buffer.from(data, "base64").toString()));
  const args = deployment?.spec.template.spec.containers[0]?.args ?? [];
  const config = JSON.parse(here(args[args.indexOf("--config-yaml") + 1] ?? ""));
  config.admin.address.socket_address.port_value = 0;
  delete config.static_resources.listeners;
  const more = ["--use-dynamic-base-id", "--concurrency", "1", "--log-level", "error"];
  return spawn(ENVOY ?? "envoy", ["--config-yaml", JSON.stringify(config), ...more], { stdio: "inherit" });
}

/** The status that a host is answered with; 0 where it is not answered. */
function answerOf(port: number, host: string): Promise<number> {
  return new Promise((resolve) => {
    const request = get({ host: "127.0.0.1", port, headers: { host }, agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    request.on("error", () => resolve(0));
  });
}

/** Asks one host again and again until it is told to end; counts what was not answered as it should be. */
function startLoad(port: number, host: string, expected: number) {
  const count = { ok: 0, failed: 0 };
  let over = false;
  const work = (async () => {
    while (!over) {
      if ((await answerOf(port, host)) === expected) count.ok++;
      else count.failed++;
      await sleep(10);
    }
  })();
  return async () => {
    over = true;
    await work;
    return count;
  };
}

test("of two replicas one writes and both serve; after kill -9 the other one writes", {
  skip: !ENVOY,
}, async () => {
  const cluster = await startCluster();
  const { client } = cluster;
  await installDefinitions(client);
  const folder = await mkdtemp(join(tmpdir(), "tandem-replicas-"));
  const port = await freePort();
  const listener = await freePort();
  const children: ChildProcess[] = [];
  let endLoad: ReturnType<typeof startLoad> | undefined;
  let endLease: ReturnType<typeof keepLease> | undefined;
  const route = (name: string) =>
    client.create(GATEWAY_KINDS.HTTPRoute, {
      metadata: { name, namespace: "default" },
      spec: {
        parentRefs: [{ name: "edge" }],
        hostnames: [`${name}.test`],
        rules: [{ filters: [{ type: "RequestRedirect", requestRedirect: { hostname: "x.test" } }] }],
      },
    });
  const conditionsOf = async (name: string) =>
    (await client.get<HTTPRoute>(GATEWAY_KINDS.HTTPRoute, name, "default")).status?.parents[0]?.conditions ??
    [];
  const accepted = (name: string) =>
    until(
      () => conditionsOf(name),
      (all) => all.some(({ type, status }) => type === "Accepted" && status === "True"),
    );
  const served = (name: string) =>
    until(
      () => answerOf(listener, `${name}.test`),
      (status) => status === 302,
    );
  try {
    const first = await startReplica(cluster, port, "127.0.0.1");
    children.push(first.child);
    await until(async () => first.leads(), Boolean);
    const second = await startReplica(cluster, port, "::1");
    children.push(second.child);
    await client.create(GATEWAY_KINDS.GatewayClass, {
      metadata: { name: "ours" },
      spec: { controllerName: "tandem.dev/gateway-controller" },
    });
    await client.create(GATEWAY_KINDS.Gateway, {
      metadata: { name: "edge", namespace: "default" },
      spec: {
        gatewayClassName: "ours",
        listeners: [{ name: "http", port: listener, protocol: "HTTP" }],
      },
    });
    await route("one");
    children.push(await startProxy(cluster, "edge-ours", folder));
    await accepted("one");
    await served("one");
    endLoad = startLoad(listener, "one.test", 302);
    // the one that leads stands still: the other one writes nothing while the Lease is not its own
    first.child.kill("SIGSTOP");
    endLease = keepLease(client, "tandem-gateway");
    await route("two");
    await sleep(1500);
    assert.deepEqual(await conditionsOf("two"), []);
    first.child.kill("SIGKILL");
    await served("two");
    assert.equal(second.leads(), false, "the proxy has its configuration from one that does not lead");
    await endLease();
    await accepted("two");
    await until(async () => second.leads(), Boolean);
    const lease = await client.get<Lease>(KINDS.Lease, "tandem-gateway", "kube-system");
    assert.equal(lease.spec?.leaseTransitions, 1);
    const { ok, failed } = await endLoad();
    assert.equal(failed, 0);
    assert.ok(ok > 10, String(ok));
  } finally {
    await endLoad?.();
    await endLease?.();
    for (const child of children.reverse()) child.kill("SIGKILL");
    await cluster.close();
    await rm(folder, { recursive: true, force: true });
  }
});
