import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { fileURLToPath } from "node:url";

const TANDEM = fileURLToPath(new URL("../../bin/tandem", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "tandem-check-"));
after(() => rmSync(folder, { recursive: true }));

function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

function check(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(TANDEM, ["check", ...args], { encoding: "utf8" });
  return { status, stdout, stderr };
}

const shootText = (dualStack: boolean, controller: boolean) => `
apiVersion: core.gardener.cloud/v1beta1
kind: Shoot
metadata:
  name: web
  namespace: garden-dev
spec:
  networking:
    nodes: 10.250.0.0/16
  provider:
    type: aws
    infrastructureConfig:
      dualStack:
        enabled: ${dualStack}
      networks:
        vpc:
          id: vpc-123
        zones:
        - name: eu-west-1a
          workers: 10.250.0.0/19
          public: 10.250.32.0/20
          internal: 10.250.48.0/20
    controlPlaneConfig:
      loadBalancerController:
        enabled: ${controller}
`;
const shoot = file("shoot.yaml", shootText(true, true));

const vpcAnswer = (state: string) =>
  JSON.stringify({
    Vpcs: [
      {
        VpcId: "vpc-123",
        Ipv6CidrBlockAssociationSet: [
          { Ipv6CidrBlock: "2001:db8:1200::/56", Ipv6CidrBlockState: { State: state } },
        ],
      },
    ],
  });

describe("tandem check -f, and check shoot -f", () => {
  it("takes a note for what cannot be seen, and nothing where it is known", () => {
    const unknown = check("-f", shoot);
    assert.equal(unknown.status, 0);
    assert.match(unknown.stdout, /^note: Shoot garden-dev\/web: networks\.vpc\.id: whether VPC vpc-123 has/);
    const known = check("-f", shoot, "--vpc", file("vpc.json", vpcAnswer("associated")));
    assert.deepEqual([known.status, known.stderr], [0, ""]);
    assert.match(known.stdout, /^Shoot web: dual-stack load balancers can be made/);
  });

  it("says Gardener's error where the VPC has no range, or has one no more", () => {
    const message =
      /networks\.vpc\.id: Invalid value: "vpc-123": VPC vpc-123 has no ipv6 CIDR \(refused by Gardener\)/;
    for (const flag of [`--vpc=${file("gone.json", vpcAnswer("disassociated"))}`, "--vpc-ipv6-cidr=none"]) {
      const { status, stdout } = check("-f", shoot, flag);
      assert.equal(status, 65);
      assert.match(stdout, message);
    }
    assert.equal(check("-f", shoot, "--vpc-ipv6-cidr=2001:db8:1200::/56").status, 0);
  });

  it("exits with 79 for a warning, and with 65 for what goes one way", () => {
    const off = file("off.yaml", shootText(false, true));
    assert.equal(check("-f", off).status, 79);
    const { status, stdout } = check("-f", off, "--old", shoot);
    assert.equal(status, 65);
    assert.match(stdout, /dualStack\.enabled: Forbidden: field can't be changed from "true" to "false"/);
    const [finding] = JSON.parse(check("-f", off, "--old", shoot, "-o", "json").stdout);
    assert.deepEqual([finding.level, finding.by, finding.field], ["error", "gardener", "dualStack.enabled"]);
  });

  it("judges Services in the same manifests", () => {
    const service = `
apiVersion: v1
kind: Service
metadata:
  name: web
  annotations:
    service.beta.kubernetes.io/aws-load-balancer-type: external
    service.beta.kubernetes.io/aws-load-balancer-nlb-target-type: instance
    service.beta.kubernetes.io/aws-load-balancer-ip-address-type: dualstack
spec:
  type: LoadBalancer
  ports:
  - port: 80
`;
    const { status, stdout } = check("-f", file("both.yaml", `${shootText(false, true)}---${service}`));
    assert.equal(status, 65);
    assert.match(stdout, /^error: Service default\/web: .*the Shoot lacks dualStack\.enabled/m);
  });

  it("says what is wrong with its own input", () => {
    const nothing = check();
    assert.deepEqual([nothing.status, nothing.stdout], [64, ""]);
    assert.match(nothing.stderr, /no manifest is given/);
    const other = check("shoot", "-f", file("pod.yaml", "apiVersion: v1\nkind: Pod\nmetadata:\n  name: x\n"));
    assert.equal(other.status, 65);
    assert.match(other.stderr, /there is no Shoot in it/);
    const vpc = check("-f", shoot, "--vpc", file("odd.json", "{}"));
    assert.equal(vpc.status, 65);
    assert.match(vpc.stderr, /it is not the answer of describe-vpcs for one VPC/);
    assert.equal(check("-f", shoot, "--vpc-ipv6-cidr=10.0.0.0/8").status, 64);
  });
});
