import assert from "node:assert/strict";
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, describe, test } from "node:test";
import { KINDS } from "../../src/objects/kinds.ts";
import type { KubeEvent, Node, Service } from "../../src/objects/types.ts";
import { eventually, itemsOf, startCluster, type TestCluster } from "../controllers/cluster.ts";
import { type FakeAws, usualAws } from "./fake-aws/fake.ts";
import { type FakeAwsServer, serveFakeAws } from "./fake-aws/http/server.ts";

const TANDEM = join(import.meta.dirname, "../../bin/tandem");
const PREFIX = "service.beta.kubernetes.io/aws-load-balancer";
/** The annotations of the document that this is made for. */
const ANNOTATIONS = {
  [`${PREFIX}-ip-address-type`]: "dualstack",
  [`${PREFIX}-scheme`]: "internet-facing",
  [`${PREFIX}-nlb-target-type`]: "instance",
  [`${PREFIX}-type`]: "external",
  [`${PREFIX}-proxy-protocol`]: "*",
};

describe("tandem balancer --provider=aws, with the real SDK against a fake AWS", () => {
  const folder = mkdtempSync(join(tmpdir(), "tandem-balancer-"));
  const env = { ...process.env, AWS_ACCESS_KEY_ID: "AKIATEST", AWS_SECRET_ACCESS_KEY: "secret" };
  let cluster: TestCluster;
  let aws: FakeAws;
  let endpoint: FakeAwsServer;
  let flags: string[];
  let passing: NodeJS.Timeout;
  const children: ChildProcess[] = [];

  before(async () => {
    cluster = await startCluster();
    aws = usualAws();
    endpoint = await serveFakeAws(aws);
    passing = setInterval(() => aws.clock.advance(5_000), 20); // AWS takes minutes over what is seconds here
    flags = ["--provider=aws", "--region=eu-west-1", "--vpc-id=vpc-1", "--cluster-name=test"];
    flags.push(`--aws-endpoint=${endpoint.url}`, `--kubeconfig=${cluster.server.kubeconfigPath}`);
    for (const [index, id] of ["i-0aaaaaaaaaaaaaaa1", "i-0aaaaaaaaaaaaaaa2"].entries()) {
      const lastTransitionTime = "2026-01-01T00:00:00Z";
      await cluster.client.create<Node>(KINDS.Node, {
        metadata: { name: `node-${index}` },
        spec: { providerID: `aws:///eu-west-1a/${id}` },
        status: {
          addresses: [{ type: "InternalIP", address: `10.0.${index}.10` }],
          conditions: [{ type: "Ready", status: "True", lastTransitionTime }],
        },
      });
    }
  });
  after(async () => {
    clearInterval(passing);
    for (const child of children) child.kill("SIGKILL");
    rmSync(folder, { recursive: true, force: true });
    await endpoint.close();
    await cluster.close();
  });

  const run = (...args: string[]): Promise<{ code: number; out: string; err: string }> =>
    new Promise((resolve) => {
      execFile(TANDEM, ["balancer", ...args], { env }, (error, out, err) =>
        resolve({ code: error === null ? 0 : Number(error.code), out, err }),
      );
    });
  const serve = async (): Promise<() => Promise<void>> => {
    const child = spawn(TANDEM, ["balancer", ...flags], { env, stdio: ["ignore", "pipe", "inherit"] });
    children.push(child);
    const [line] = (await once(createInterface(child.stdout), "line")) as string[];
    assert.match(line ?? "", /^tandem balancer: serving Services of .* by provider aws$/);
    return async () => {
      child.kill("SIGTERM");
      const [code] = (await once(child, "exit")) as [number | null];
      assert.equal(code, 0);
    };
  };
  const get = (): Promise<Service | undefined> =>
    cluster.client.get<Service>(KINDS.Service, "web", "default").catch(() => undefined);
  const manifest = (annotations: Record<string, string>): Service => ({
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "web", namespace: "default", annotations },
    spec: {
      type: "LoadBalancer",
      ipFamilyPolicy: "SingleStack",
      ipFamilies: ["IPv4"],
      selector: { app: "web" },
      ports: [{ name: "http", port: 80, nodePort: 30080, protocol: "TCP" }],
    },
  });
  const fileOf = (service: Service): string => {
    const file = join(folder, "service.json");
    writeFileSync(file, JSON.stringify(service));
    return file;
  };

  test("a plan says what would be made and changes nothing; a typo is told with its field", async () => {
    const file = fileOf(manifest(ANNOTATIONS));
    const { code, out, err } = await run("plan", "-f", file, ...flags);
    assert.equal(code, 0, err);
    assert.match(out, /^Service default\/web: \d+ to create/);
    assert.match(out, /create LoadBalancer k8s-default-web-[0-9a-f]{10}/);
    assert.match(out, /dualstack/);
    assert.deepEqual(aws.census(), { loadBalancers: 0, listeners: 0, targetGroups: 0, securityGroups: 1 });
    const bad = fileOf(manifest({ ...ANNOTATIONS, [`${PREFIX}-ip-address-type`]: "dual-stack" }));
    const refused = await run("plan", "-f", bad, ...flags);
    assert.equal(refused.code, 65);
    assert.match(
      refused.out,
      /error: metadata\.annotations\[.*ip-address-type\]: unknown IPAddressType: dual-stack/,
    );
    fileOf(manifest(ANNOTATIONS));
    const alone = await run("plan", "-f", file, "--provider=aws");
    assert.equal(alone.code, 0);
    assert.match(alone.out, /^Service default\/web: can be served\n/);
    assert.match(alone.err, /--vpc-id/);
    const nowhere = await run("orphans", "--provider=aws", "--region=eu-west-1", flags.at(-1) ?? "");
    assert.equal(nowhere.code, 64);
    assert.match(nowhere.err, /--vpc-id/);
  });

  test("the seed's Service gets a dual-stack load balancer, follows changes, and leaves nothing behind", async () => {
    const stop = await serve();
    await cluster.client.create<Service>(KINDS.Service, manifest(ANNOTATIONS));
    const served = await eventually(get, (service) => service?.status?.loadBalancer?.ingress !== undefined);
    const [ingress] = served?.status?.loadBalancer?.ingress ?? [];
    assert.match(
      ingress?.hostname ?? "",
      /^k8s-default-web-[0-9a-f]{10}-.*\.elb\.eu-west-1\.amazonaws\.com$/,
    );
    assert.deepEqual(ingress?.ports, [{ port: 80, protocol: "TCP" }]);
    const [balancer] = [...aws.world.loadBalancers.values()];
    assert.equal(balancer?.ipAddressType, "dualstack");
    const again = await run("plan", "-f", fileOf(manifest(ANNOTATIONS)), ...flags);
    assert.equal(again.out, "Service default/web: nothing to do\n");
    await eventually(
      () => itemsOf<KubeEvent>(cluster.client, KINDS.Event, "default"),
      (events) => events.some(({ reason }) => reason === "SuccessfullyReconciled"),
    );
    await cluster.client.delete(KINDS.Service, "web", "default");
    await eventually(get, (service) => service === undefined);
    const { loadBalancers, listeners, targetGroups } = aws.census();
    assert.deepEqual(
      { loadBalancers, listeners, targetGroups },
      { loadBalancers: 0, listeners: 0, targetGroups: 0 },
    );
    await stop();
  });

  test("what a Service left that vanished while nobody looked is an orphan, found and deleted", async () => {
    const stop = await serve();
    await cluster.client.create<Service>(KINDS.Service, manifest(ANNOTATIONS));
    await eventually(get, (service) => service?.status?.loadBalancer?.ingress !== undefined);
    const none = await run("orphans", ...flags);
    assert.deepEqual([none.code, none.out], [0, "No orphans.\n"]);
    await stop();
    await cluster.client.patch(
      KINDS.Service,
      "web",
      "default",
      { metadata: { finalizers: null } },
      { type: "merge" },
    );
    await cluster.client.delete(KINDS.Service, "web", "default");
    const found = await run("orphans", ...flags);
    assert.equal(found.code, 79);
    assert.match(found.out, /LoadBalancer +k8s-default-web-.*default\/web.*does not exist/);
    const deleted = await run("orphans", "--delete", ...flags);
    assert.equal(deleted.code, 0, deleted.err);
    const { loadBalancers, targetGroups } = aws.census();
    assert.deepEqual({ loadBalancers, targetGroups }, { loadBalancers: 0, targetGroups: 0 });
    assert.equal((await run("orphans", ...flags)).out, "No orphans.\n");
  });
});
