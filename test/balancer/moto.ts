/** moto, an emulator of AWS that others wrote (PyPI), as a server for tests; set up by scripts/setup-moto. */
import { EC2 } from "@aws-sdk/client-ec2";
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import type { TestContext } from "node:test";
import { createInterface } from "node:readline";
import type { Ground } from "./aws-exercise.ts";

const HOME = resolve(import.meta.dirname, "../../.tools/moto");

/** Why tests against moto do not run here; false where they do. With TANDEM_MOTO=required (CI) they always run. */
export function whyNoMoto(): string | false {
  if (process.env["TANDEM_MOTO"] === "required" || existsSync(join(HOME, "packages"))) return false;
  return "moto is not set up here: run scripts/setup-moto (it needs python3 with pip, and PyPI)";
}

/** Starts moto at a free port of the loopback; it ends with the test. */
export async function startMoto(t: TestContext): Promise<string> {
  // not whatever moto the machine's Python has
  if (!existsSync(join(HOME, "packages"))) throw new Error("moto is missing: run scripts/setup-moto");
  const child = spawn("python3", ["-m", "moto.server", "-H", "127.0.0.1", "-p", "0"], {
    env: { ...process.env, PYTHONPATH: join(HOME, "lib") },
    stdio: ["ignore", "ignore", "pipe"],
  });
  const ended = new Promise<void>((done) => {
    child.once("close", () => done());
    child.once("error", () => done());
  });
  t.after(() => {
    child.kill();
    return ended;
  });
  const said: string[] = [];
  for await (const line of createInterface({ input: child.stderr })) {
    const url = /Running on (http:\/\/127\.0\.0\.1:\d+)/.exec(line)?.[1];
    if (url !== undefined) {
      child.stderr.resume(); // it logs every request
      return url;
    }
    said.push(line);
  }
  throw new Error(`moto ended before it served: ${said.slice(-5).join(" | ")}`);
}

const ROLES = ["elb", "internal-elb"].map((role) => ({ Key: `kubernetes.io/role/${role}`, Value: "1" }));

/** A dual-stack VPC in moto with two public subnets in two zones (for balancers of either scheme), and an instance in each. */
export async function motoGround(url: string): Promise<Ground & { readonly nodeGroup: string }> {
  const ec2 = new EC2({ region: "eu-west-1", endpoint: url });
  const { Vpc } = await ec2.createVpc({ CidrBlock: "10.0.0.0/16", AmazonProvidedIpv6CidrBlock: true });
  const vpcId = Vpc?.VpcId ?? "";
  const range = Vpc?.Ipv6CidrBlockAssociationSet?.[0]?.Ipv6CidrBlock ?? "";
  const { InternetGateway } = await ec2.createInternetGateway({});
  const GatewayId = InternetGateway?.InternetGatewayId ?? "";
  await ec2.attachInternetGateway({ InternetGatewayId: GatewayId, VpcId: vpcId });
  const { RouteTable } = await ec2.createRouteTable({ VpcId: vpcId });
  const RouteTableId = RouteTable?.RouteTableId ?? "";
  await ec2.createRoute({ RouteTableId, DestinationIpv6CidrBlock: "::/0", GatewayId });
  const { GroupId = "" } = await ec2.createSecurityGroup({
    GroupName: "nodes",
    Description: "nodes",
    VpcId: vpcId,
  });
  const subnets: string[] = [];
  const instances: string[] = [];
  for (const [index, zone] of ["a", "b"].entries()) {
    const { Subnet } = await ec2.createSubnet({
      VpcId: vpcId,
      CidrBlock: `10.0.${index}.0/24`,
      Ipv6CidrBlock: range.replace(/00::\/56$/, `0${index}::/64`),
      AvailabilityZone: `eu-west-1${zone}`,
      TagSpecifications: [{ ResourceType: "subnet", Tags: ROLES }],
    });
    const SubnetId = Subnet?.SubnetId ?? "";
    await ec2.associateRouteTable({ RouteTableId, SubnetId });
    const image = { ImageId: "ami-12c6146b", InstanceType: "t3.micro" as const, MinCount: 1, MaxCount: 1 };
    const { Instances } = await ec2.runInstances({ ...image, SubnetId, SecurityGroupIds: [GroupId] });
    subnets.push(SubnetId);
    instances.push(Instances?.[0]?.InstanceId ?? "");
  }
  ec2.destroy();
  const certificates = [await serverCertificate(url, "one"), await serverCertificate(url, "two")];
  return { vpcId, subnets, instances, certificates, nodeGroup: GroupId };
}

/** A certificate of IAM in moto, which takes any text for one; there is no SDK client for IAM here. */
async function serverCertificate(url: string, name: string): Promise<string> {
  const scope = "AKIATEST/20260101/us-east-1/iam/aws4_request";
  const response = await fetch(url, {
    method: "POST",
    headers: {
      authorization: `AWS4-HMAC-SHA256 Credential=${scope}, SignedHeaders=host, Signature=x`,
      "content-type": "application/x-www-form-urlencoded",
    },
    body: new URLSearchParams({
      Action: "UploadServerCertificate",
      Version: "2010-05-08",
      ServerCertificateName: name,
      CertificateBody: name,
      PrivateKey: name,
    }),
  });
  const arn = /<Arn>(.*?)<\/Arn>/.exec(await response.text())?.[1];
  if (arn === undefined) throw new Error(`moto took no certificate: status ${response.status}`);
  return arn;
}
