import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { usualAws } from "./fake-aws/fake.ts";
import { type FakeAwsServer, type HttpFault, serveFakeAws } from "./fake-aws/http/server.ts";

const TANDEM = join(import.meta.dirname, "../../bin/tandem");
const SERVICE = {
  apiVersion: "v1",
  kind: "Service",
  metadata: { name: "web", namespace: "default" },
  spec: { type: "LoadBalancer", loadBalancerClass: "tandem.dev/nlb", ports: [{ port: 80, nodePort: 30080 }] },
};
/** Nobody listens there: what is refused before the cluster is asked needs no cluster. */
const KUBECONFIG = {
  clusters: [{ name: "a", cluster: { server: "http://127.0.0.1:1" } }],
  contexts: [{ name: "a", context: { cluster: "a" } }],
  "current-context": "a",
};

describe("tandem balancer --provider=aws where AWS cannot be asked", () => {
  const folder = mkdtempSync(join(tmpdir(), "tandem-balancer-"));
  const file = join(folder, "service.json");
  const kubeconfig = join(folder, "kubeconfig");
  let endpoint: FakeAwsServer;
  let fault: (action: string) => HttpFault | undefined = () => undefined;

  before(async () => {
    endpoint = await serveFakeAws(usualAws(), { fault: (action) => fault(action) });
    writeFileSync(file, JSON.stringify(SERVICE));
    writeFileSync(kubeconfig, JSON.stringify(KUBECONFIG));
  });
  after(async () => {
    await endpoint.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const KEYS = { AWS_ACCESS_KEY_ID: "AKIATEST", AWS_SECRET_ACCESS_KEY: "secret" };
  /** Runs with the flags of the fake, and what a test has instead of them; an undefined one is left out. */
  function run(
    command: readonly string[],
    instead: Readonly<Record<string, string | undefined>> = {},
    keys: Readonly<Record<string, string>> = KEYS,
  ): Promise<{ code: number; out: string; err: string }> {
    const usual = { region: "eu-west-1", "vpc-id": "vpc-1", "aws-endpoint": endpoint.url };
    const flags = Object.entries({ ...usual, ...instead }).flatMap(([name, value]) =>
      value === undefined ? [] : [`--${name}=${value}`],
    );
    // no credentials but those given: not of this machine's files, nor of an instance that it may be
    const env = { PATH: process.env["PATH"], HOME: folder, AWS_EC2_METADATA_DISABLED: "true", ...keys };
    return new Promise((resolve) => {
      execFile(TANDEM, ["balancer", ...command, "--provider=aws", ...flags], { env }, (error, out, err) =>
        resolve({ code: error === null ? 0 : Number(error.code), out, err }),
      );
    });
  }
  const serve = (instead: Readonly<Record<string, string | undefined>>) =>
    run([], { kubeconfig, ...instead });
  const plan = ["plan", "-f", file];

  test("what is missing is told before anybody is elected", async () => {
    const noVpc = await serve({ "vpc-id": undefined });
    assert.equal(noVpc.code, 64);
    assert.match(noVpc.err, /^tandem: cannot serve .*\n {2}where: flag --vpc-id\n/);
    const noRegion = await serve({ region: undefined });
    assert.equal(noRegion.code, 64);
    assert.match(noRegion.err, /^tandem: cannot serve .*\n {2}where: flag --region\n/);
  });

  test("a region and an endpoint that can be none are told by their flags, before they are asked", async () => {
    const noUrl = await run(plan, { "aws-endpoint": "notaurl" });
    assert.equal(noUrl.code, 64);
    assert.match(
      noUrl.err,
      /it is no http or https URL\n {2}where: flag --aws-endpoint, value "notaurl"\n {2}next: /,
    );
    const badRegion = await run(plan, { region: "EU (Ireland)" });
    assert.equal(badRegion.code, 64);
    assert.match(
      badRegion.err,
      /a region's name .*\n {2}where: flag --region, value "EU \(Ireland\)"\n {2}next: /,
    );
    const zone = await run(plan, { region: "eu-west-1a" });
    assert.match(
      zone.err,
      /a region's name .*\n {2}where: flag --region, value "eu-west-1a"\n {2}next: .*not one of its zones/,
    );
  });

  test("a VPC that is not there is told, instead of subnets that are missing", async () => {
    for (const { code, err } of [
      await serve({ "vpc-id": "vpc-9" }),
      await run(plan, { "vpc-id": "vpc-9" }),
    ]) {
      assert.equal(code, 65, err);
      assert.match(err, /^tandem: .*: these credentials' account has no VPC vpc-9 in region eu-west-1\n/);
    }
  });

  test("without credentials it says where they may come from", async () => {
    const { code, err } = await run(plan, {}, {});
    assert.equal(code, 1);
    assert.match(err, /^tandem: AWS cannot be asked: .*Could not load credentials/);
    assert.match(err, /next: give credentials .*AWS_ACCESS_KEY_ID/);
    assert.doesNotMatch(err, /\n {4}at /);
  });

  test("another region's signature, and an endpoint that does not answer", async () => {
    const region = await run(plan, { region: "us-east-1" });
    assert.match(region.err, /where: call DescribeVpcs, region us-east-1, .*\n {2}next: .*--region/);
    const silent = await run(plan, { "aws-endpoint": "http://127.0.0.1:1" });
    assert.match(silent.err, /^tandem: AWS does not answer: .*ECONNREFUSED/);
    assert.match(silent.err, /next: check the region's name and the endpoint/);
  });

  test("a plan that knows no cluster says so, and follows $KUBECONFIG", async () => {
    const alone = await run(plan);
    assert.equal(alone.code, 0);
    assert.match(alone.err, /^No cluster was asked: Services count as new/);
    const asked = await run(plan, {}, { ...KEYS, KUBECONFIG: kubeconfig });
    assert.match(asked.err, /127\.0\.0\.1:1/);
  });

  test("what keeps one Service from being planned keeps no other", async () => {
    const subnets = { "service.beta.kubernetes.io/aws-load-balancer-subnets": "nowhere" };
    const bad = { ...SERVICE, metadata: { ...SERVICE.metadata, name: "bad", annotations: subnets } };
    const both = join(folder, "both.json");
    writeFileSync(both, JSON.stringify({ apiVersion: "v1", kind: "List", items: [bad, SERVICE] }));
    const { code, out } = await run(["plan", "-f", both]);
    assert.equal(code, 65);
    assert.match(out, /^Service default\/bad: cannot be served, 1 error\n {2}error: .*nowhere/);
    assert.match(out, /\nService default\/web: 5 to create/);
  });

  test("flags that would lose or take what is made are refused", async () => {
    for (const [flag, value] of [
      ["cluster-name", ""],
      ["default-tags", "elbv2.k8s.aws/cluster=another"],
      ["external-managed-tags", "tandem.dev/service-uid"],
    ] as const) {
      const { code, err } = await run(plan, { [flag]: value });
      assert.equal(code, 64);
      assert.match(err, new RegExp(`where: flag --${flag}`));
    }
    const noFile = await run(["plan"]);
    assert.deepEqual([noFile.code, /where: flag -f/.test(noFile.err)], [64, true]);
  });

  test("what would delete another cluster's load balancers by a name that nobody chose is refused", async () => {
    const unnamed = { kubeconfig, "cluster-name": undefined };
    for (const { code, err } of [
      await run(["orphans", "--delete"], unnamed),
      await run(["--sweep-orphans=1h"], unnamed),
      await run(["manifests", "--image=x"], unnamed),
    ]) {
      assert.equal(code, 64, err);
      assert.match(
        err,
        /^tandem: cannot (delete orphans|sweep orphans|print what runs the balancer): it is missing: another cluster .*\n {2}where: flag --cluster-name\n/,
      );
    }
  });

  test("what IAM denies is named as the action that has to be allowed", async () => {
    for (const [call, action] of [
      ["DescribeVpcs", "ec2:DescribeVpcs"],
      ["DescribeLoadBalancers", "elasticloadbalancing:DescribeLoadBalancers"],
    ] as const) {
      fault = (asked) => (asked === call ? "deny" : undefined);
      const { code, err } = await run(plan);
      assert.equal(code, 1);
      assert.match(err, new RegExp(`next: allow ${action} to Tandem's role: docs/aws-iam-policy\\.json`));
    }
    fault = () => undefined;
  });
});
