import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { test } from "node:test";
import { KINDS } from "../../src/objects/kinds.ts";
import type { Node } from "../../src/objects/types.ts";
import { eventually, firstLineOf, startCluster } from "./cluster.ts";

const TANDEM = join(import.meta.dirname, "../../bin/tandem");

test("tandem controllers says when it runs, works, and ends with SIGTERM", async () => {
  const cluster = await startCluster();
  await cluster.stopControllers();
  const flags = [
    `--kubeconfig=${cluster.server.kubeconfigPath}`,
    "--cluster-cidr=fd00:10:244::/56",
    "--node-cidr-mask-size=66",
  ];
  const child = spawn(TANDEM, ["controllers", ...flags], { stdio: ["ignore", "pipe", "inherit"] });
  try {
    assert.equal(await firstLineOf(child), `controllers are running against ${cluster.server.urls[0]}`);
    await cluster.client.create(KINDS.Node, { metadata: { name: "n" } });
    const node = await eventually(
      () => cluster.client.get<Node>(KINDS.Node, "n"),
      ({ spec }) => spec.podCIDR !== undefined,
    );
    assert.deepEqual(node.spec.podCIDRs, ["fd00:10:244::/66"]);
    child.kill("SIGTERM");
    assert.deepEqual(await once(child, "exit"), [0, null]);
  } finally {
    child.kill("SIGKILL");
    await cluster.close();
  }
});

test("tandem controllers refuses flags and kubeconfigs that are wrong, with the next step", async () => {
  const cases: [string[], RegExp][] = [
    [["--kubeconfig=/nowhere/kubeconfig"], /cannot use the kubeconfig[\s\S]*where: \/nowhere\/kubeconfig/],
    [["--kubeconfig=/nowhere", "--max-endpoints-per-slice=0"], /--max-endpoints-per-slice=0[\s\S]*next:/],
    [
      ["--kubeconfig=/nowhere", "--cluster-cidr=10.0.0.0/8,fd00::/56", "--node-cidr-mask-size=24"],
      /not allowed with dual-stack/,
    ],
  ];
  for (const [args, expected] of cases) {
    const child = spawn(TANDEM, ["controllers", ...args], { stdio: ["ignore", "ignore", "pipe"] });
    let text = "";
    child.stderr.on("data", (chunk) => {
      text += chunk;
    });
    const [code] = await once(child, "close");
    assert.equal(code, 65, text);
    assert.match(text, expected);
  }
});
