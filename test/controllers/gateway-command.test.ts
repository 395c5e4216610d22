import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { installDefinitions } from "../../src/cli/gateway/definitions.ts";
import {
  GATEWAY_KINDS,
  type Gateway,
  type GatewayClass,
  TANDEM_GATEWAY_KINDS,
} from "../../src/objects/gateway/index.ts";
import { KINDS } from "../../src/objects/kinds.ts";
import type { Condition, Deployment, Service } from "../../src/objects/types.ts";
import { freePort } from "../envoy/ads-envoy.ts";
import { eventually, firstLineOf, startCluster } from "./cluster.ts";

const TANDEM = join(import.meta.dirname, "../../bin/tandem");

function isTrue(conditions: readonly Condition[] | undefined, type: string): boolean {
  return conditions?.some((each) => each.type === type && each.status === "True") ?? false;
}

test("tandem gateway waits for definitions, then serves classes, Gateways and parameters; ends with SIGTERM", async () => {
  const cluster = await startCluster();
  const port = await freePort();
  const flags = [`--kubeconfig=${cluster.server.kubeconfigPath}`, `--xds-port=${port}`];
  flags.push("--xds-bind=127.0.0.1", "--xds-bind=::1", "--xds-advertise=192.0.2.10,2001:db8::10");
  const child = spawn(TANDEM, ["gateway", ...flags], { stdio: ["ignore", "pipe", "inherit"] });
  try {
    assert.match(
      await firstLineOf(child),
      new RegExp(`^tandem gateway: serving Gateways of .*; xDS on port ${port}$`),
    );
    const { client } = cluster;
    await installDefinitions(client);
    await client.create(GATEWAY_KINDS.GatewayClass, {
      metadata: { name: "ours" },
      spec: { controllerName: "tandem.dev/gateway-controller" },
    });
    await eventually(
      () => client.get<GatewayClass>(GATEWAY_KINDS.GatewayClass, "ours"),
      ({ status }) => isTrue(status?.conditions, "Accepted"),
    );
    await client.create(TANDEM_GATEWAY_KINDS.GatewayParameters, {
      metadata: { name: "six", namespace: "default" },
      spec: {
        ipFamilyPolicy: "SingleStack",
        ipFamilies: ["IPv6"],
        replicas: 2,
        service: { type: "ClusterIP" },
      },
    });
    const parametersRef = { group: "tandem.dev", kind: "GatewayParameters", name: "six" };
    await client.create(GATEWAY_KINDS.Gateway, {
      metadata: { name: "edge", namespace: "default" },
      spec: {
        gatewayClassName: "ours",
        listeners: [{ name: "http", port: 80, protocol: "HTTP" }],
        infrastructure: { parametersRef },
      },
    });
    const gateway = await eventually(
      () => client.get<Gateway>(GATEWAY_KINDS.Gateway, "edge", "default"),
      ({ status }) => (status?.addresses?.length ?? 0) > 0 && isTrue(status?.conditions, "Accepted"),
    );
    assert.match(gateway.status?.addresses?.[0]?.value ?? "", /^fd00:/);
    assert.equal(gateway.status?.addresses?.length, 1);
    const programmed = gateway.status?.conditions?.find(({ type }) => type === "Programmed");
    assert.equal(programmed?.status, "False");
    const service = await client.get<Service>(KINDS.Service, "edge-ours", "default");
    assert.deepEqual([service.spec.type, service.spec.ipFamilies], ["ClusterIP", ["IPv6"]]);
    const deployment = await client.get<Deployment>(KINDS.Deployment, "edge-ours", "default");
    assert.equal(deployment.spec.replicas, 2);
    assert.match(deployment.spec.template.spec.containers[0]?.args?.join(" ") ?? "", /2001:db8::10/);
    child.kill("SIGTERM");
    assert.deepEqual(await once(child, "exit"), [0, null]);
  } finally {
    child.kill("SIGKILL");
    await cluster.close();
  }
});

test("what was compiled for tandem gateway is there for the next start, even where this one is killed", async () => {
  const cluster = await startCluster();
  const cache = mkdtempSync(join(tmpdir(), "tandem-compiled-"));
  const flags = [`--kubeconfig=${cluster.server.kubeconfigPath}`, `--xds-port=${await freePort()}`];
  const child = spawn(TANDEM, ["gateway", ...flags, "--xds-bind=::1"], {
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...process.env, NODE_COMPILE_CACHE: cache },
  });
  try {
    await firstLineOf(child);
    const compiled = () => Promise.resolve(readdirSync(cache, { recursive: true }).length);
    await eventually(compiled, (files) => files > 100);
  } finally {
    const end = once(child, "exit");
    child.kill("SIGKILL");
    await end;
    rmSync(cache, { recursive: true });
    await cluster.close();
  }
});

test("tandem gateway refuses a port that is none", async () => {
  const child = spawn(TANDEM, ["gateway", "--xds-port=0"], { stdio: ["ignore", "ignore", "pipe"] });
  const text = createInterface(child.stderr);
  const lines: string[] = [];
  text.on("line", (line) => lines.push(line));
  const [code] = (await once(child, "close")) as [number];
  assert.equal(code, 64);
  assert.match(lines.join("\n"), /flag --xds-port, value "0"/);
});
