import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { KINDS } from "../../src/objects/kinds.ts";
import type { Node, Service } from "../../src/objects/types.ts";
import { eventually, startCluster } from "../controllers/cluster.ts";
import { manifest, PREFIX } from "./command-world.ts";
import { motoGround, startMoto, whyNoMoto } from "./moto.ts";

const TANDEM = join(import.meta.dirname, "../../bin/tandem");
const SEED = manifest({
  [`${PREFIX}-ip-address-type`]: "dualstack",
  [`${PREFIX}-scheme`]: "internet-facing",
  [`${PREFIX}-nlb-target-type`]: "instance",
  [`${PREFIX}-type`]: "external",
});

test("the command with an emulator as its endpoint: the seed's Service is planned, and gets its load balancer", {
  skip: whyNoMoto(),
}, async (t) => {
  const before = { ...process.env };
  t.after(() => {
    process.env = before;
  });
  Object.assign(process.env, { AWS_ACCESS_KEY_ID: "AKIATEST", AWS_SECRET_ACCESS_KEY: "secret" });
  const url = await startMoto(t);
  const { vpcId, instances } = await motoGround(url);
  const cluster = await startCluster();
  t.after(() => cluster.close());
  const folder = mkdtempSync(join(tmpdir(), "tandem-moto-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, "service.json");
  writeFileSync(file, JSON.stringify(SEED));
  const lastTransitionTime = "2026-01-01T00:00:00Z";
  for (const [index, id] of instances.entries())
    await cluster.client.create<Node>(KINDS.Node, {
      metadata: { name: `node-${index}` },
      spec: { providerID: `aws:///eu-west-1a/${id}` },
      status: { conditions: [{ type: "Ready", status: "True", lastTransitionTime }] },
    });
  const place = ["--provider=aws", "--region=eu-west-1", `--vpc-id=${vpcId}`, "--cluster-name=test"];
  const flags = [...place, `--aws-endpoint=${url}`, `--kubeconfig=${cluster.server.kubeconfigPath}`];

  const planned = await new Promise<string>((resolve) => {
    execFile(TANDEM, ["balancer", "plan", "-f", file, ...flags], (_, out, err) => resolve(out + err));
  });
  assert.match(planned, /create LoadBalancer k8s-default-web-[0-9a-f]{10}\n {6}internet-facing, dualstack\n/);

  const child = spawn(TANDEM, ["balancer", ...flags, "--no-leader-elect"], { stdio: "ignore" });
  t.after(() => child.kill());
  await cluster.client.create<Service>(KINDS.Service, SEED);
  const service = await eventually(
    () => cluster.client.get<Service>(KINDS.Service, "web", "default"),
    ({ status }) => status?.loadBalancer?.ingress !== undefined,
  );
  assert.match(
    service.status?.loadBalancer?.ingress?.[0]?.hostname ?? "",
    /^k8s-default-web-.*amazonaws\.com$/,
  );
});
