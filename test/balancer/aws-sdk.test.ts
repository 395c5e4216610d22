import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, test, type TestContext } from "node:test";
import { AwsError, type AwsApi } from "../../src/balancer/aws/api.ts";
import { type AwsOptions, createAwsApi } from "../../src/balancer/aws/sdk.ts";
import { awsErrorOf } from "../../src/balancer/aws/sdk/errors.ts";
import {
  exerciseBalancer,
  exerciseListeners,
  exerciseNetwork,
  exerciseTargets,
  recording,
  type Transcript,
} from "./aws-exercise.ts";
import { type FakeAws, usualAws } from "./fake-aws/fake.ts";
import { EC2_ACTIONS } from "./fake-aws/http/ec2.ts";
import { serveFakeAws, type ServerOptions } from "./fake-aws/http/server.ts";
import { loadBalancerSpec, targetGroupSpec } from "./fake-aws/specs.ts";

const before = { ...process.env };
Object.assign(process.env, { AWS_ACCESS_KEY_ID: "AKIATEST", AWS_SECRET_ACCESS_KEY: "secret" });
after(() => {
  process.env = before;
});

/** The real SDK against the fake over HTTP. */
async function sdkOn(
  t: TestContext,
  aws: FakeAws,
  served: ServerOptions = {},
  options: Partial<AwsOptions> = {},
) {
  const server = await serveFakeAws(aws, served);
  const stop = new AbortController();
  t.after(() => {
    stop.abort();
    return server.close();
  });
  const api = await createAwsApi({
    region: "eu-west-1",
    endpoint: server.url,
    signal: stop.signal,
    ...options,
  });
  return { api, server, stop };
}

/** The life of a load balancer on an account of two certificates. */
async function live(aws: FakeAws, api: AwsApi): Promise<void> {
  const ground = {
    vpcId: "vpc-1",
    subnets: ["subnet-a", "subnet-b"],
    instances: ["i-0aaaaaaaaaaaaaaa1", "i-0aaaaaaaaaaaaaaa2"],
    certificates: [aws.addCertificate("one"), aws.addCertificate("two")],
  };
  const group = await exerciseNetwork(api, ground);
  const balancer = await exerciseBalancer(api, ground, group);
  const targets = await exerciseTargets(api, ground);
  await exerciseListeners(api, ground, balancer, targets);
  aws.clock.advance(60_000);
  await api.modifyCapacity(balancer, 5500);
  await api.modifyCapacity(balancer, undefined);
  await api.deleteLoadBalancer(balancer);
  aws.clock.advance(60_000);
  await api.deleteSecurityGroup(group);
}

test("through the real SDK every function answers what the fake itself answers, page by page", async (t) => {
  const [direct, served] = [usualAws(), usualAws()];
  const [expected, actual]: [Transcript, Transcript] = [[], []];
  await live(direct, recording(direct.connect(), expected));
  const { api } = await sdkOn(t, served, { pageSize: 1 });
  await live(served, recording(api, actual));
  const called = new Set(actual.map(([name]) => name));
  assert.deepEqual(
    Object.keys(api).filter((name) => !called.has(name)),
    [],
  );
  const plain = (transcript: Transcript) => transcript.map(([name, answer]) => [name, ordered(answer)]);
  assert.deepEqual(plain(actual), plain(expected));
  assert.deepEqual(served.census(), direct.census());
});

/** Security rules come back grouped by permission: their order means nothing. */
function ordered(answer: unknown): unknown {
  if (!Array.isArray(answer)) return answer;
  return answer.map((it: unknown) => {
    if (typeof it !== "object" || it === null || !("inbound" in it) || !Array.isArray(it.inbound)) return it;
    return {
      ...it,
      inbound: it.inbound.map((rule) => JSON.stringify(Object.entries(rule as object).toSorted())).toSorted(),
    };
  });
}

test("only types of the SDK are imported before it is wanted", () => {
  const root = join(import.meta.dirname, "../../src");
  const files = readdirSync(root, { recursive: true, encoding: "utf8" }).filter((file) =>
    file.endsWith(".ts"),
  );
  const early = /^(?:import|export)(?! type)[^;]*from "@(?:aws-sdk|smithy)\//m;
  assert.deepEqual(
    files.filter((file) => early.test(readFileSync(join(root, file), "utf8"))),
    [],
  );
});

test("docs/aws-iam-policy.json allows exactly the calls that are made", async (t) => {
  const aws = usualAws();
  const { api, server } = await sdkOn(t, aws);
  await live(aws, api);
  const made = server.actions.map(
    (name) => `${name in EC2_ACTIONS ? "ec2" : "elasticloadbalancing"}:${name}`,
  );
  const file = join(import.meta.dirname, "../../docs/aws-iam-policy.json");
  const policy = JSON.parse(readFileSync(file, "utf8")) as { Statement: { Action: string | string[] }[] };
  const allowed = policy.Statement.flatMap((it) => it.Action);
  const sorted = (names: readonly string[]) => [...new Set(names)].toSorted();
  // no call of ours: AWS makes the role itself, in the name of who makes an account's first load balancer
  assert.deepEqual(sorted(allowed), sorted([...made, "iam:CreateServiceLinkedRole"]));
});

test("static addresses and prefixes go to AWS and come back", async (t) => {
  const aws = usualAws();
  aws.world.allocations.set("eipalloc-1", undefined).set("eipalloc-2", undefined);
  const { api } = await sdkOn(t, aws);
  const subnets = [
    { subnetId: "subnet-a", allocationId: "eipalloc-1", ipv6Address: "2a05:d018:1234:5600::7" },
    { subnetId: "subnet-b", allocationId: "eipalloc-2", sourceNatIpv6Prefix: "2a05:d018:1234:5601:1::/80" },
  ];
  const spec = loadBalancerSpec({ ipAddressType: "dualstack", prefixForIpv6SourceNat: "on", subnets });
  const made = await api.createLoadBalancer(spec);
  assert.deepEqual(
    [made.subnets, made.prefixForIpv6SourceNat, made.ipAddressType],
    [subnets, "on", "dualstack"],
  );
});

test("a private address goes to AWS and comes back", async (t) => {
  const { api } = await sdkOn(t, usualAws());
  const subnets = [{ subnetId: "subnet-pa", privateIpv4Address: "10.0.2.7" }];
  const made = await api.createLoadBalancer(loadBalancerSpec({ scheme: "internal", subnets }));
  assert.deepEqual(made.subnets, subnets);
});

test("what is not there is left out, and nothing asked for is nothing found", async (t) => {
  const aws = usualAws();
  aws.addInstance({ id: "i-gone", subnetId: "subnet-a", state: "terminated", groups: [aws.nodeGroup] });
  const { api } = await sdkOn(t, aws);
  const groups = await api.describeInstanceGroups(["i-gone", "i-none", "i-0aaaaaaaaaaaaaaa1"]);
  assert.deepEqual([...groups], [["i-0aaaaaaaaaaaaaaa1", [aws.nodeGroup]]]);
  assert.deepEqual(await api.describeSecurityGroups({ vpcId: "vpc-1", ids: [] }), []);
});

test("subnets: private and public by their route tables, associated IPv6 ranges only, the kind of zone", async (t) => {
  const aws = usualAws();
  aws.addSubnet({ id: "subnet-lax-z", ipv4Cidr: "10.0.7.0/24", locale: "local-zone", public: false });
  const { api } = await sdkOn(t, aws);
  const subnets = await api.describeSubnets("vpc-1");
  const rows = subnets.map((it) => [it.id, it.public, it.ipv6Cidrs.join(), it.locale]);
  assert.deepEqual(rows, [
    ["subnet-a", true, "2a05:d018:1234:5600::/64", "availability-zone"],
    ["subnet-b", true, "2a05:d018:1234:5601::/64", "availability-zone"],
    ["subnet-pa", false, "2a05:d018:1234:5602::/64", "availability-zone"],
    ["subnet-pb", false, "2a05:d018:1234:5603::/64", "availability-zone"],
    ["subnet-lax-z", false, "", "local-zone"],
  ]);
});

test("many tags and targets are asked for in parts that AWS takes", async (t) => {
  const aws = usualAws();
  const made = Array.from({ length: 45 }, (_, n) =>
    aws.now.createLoadBalancer(loadBalancerSpec({ name: `web-${n}` })),
  );
  const { api, server } = await sdkOn(t, aws);
  const arns = made.map((it) => it.arn);
  assert.equal((await api.describeTags(arns)).size, 45);
  assert.equal((await api.describeLoadBalancers({ arns })).length, 45);
  assert.deepEqual([...(await api.describeTags([]))], []);
  const { arn } = aws.now.createTargetGroup(targetGroupSpec({ targetType: "ip" }));
  const targets = Array.from({ length: 250 }, (_, n) => ({ id: "10.0.0.7", port: n + 1 }));
  await api.registerTargets(arn, targets);
  assert.equal((await api.describeTargetHealth(arn)).length, 250);
  assert.equal(server.actions.filter((it) => it === "RegisterTargets").length, 2);
  assert.equal(server.actions.filter((it) => it === "DescribeTags").length, 3);
  assert.equal(server.actions.filter((it) => it === "DescribeLoadBalancers").length, 3);
});

/** What a call is refused with: action, code and whether to try again. */
async function refusal(call: Promise<unknown>): Promise<unknown> {
  const error = await call.then(
    () => assert.fail("it succeeded"),
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof AwsError, String(error));
  return [error.call, error.code, error.retryable];
}

test("errors are AWS's codes, with one attempt a request, and say whether to try again", async (t) => {
  const faults: ("throttle" | "page" | "lost" | undefined)[] = [undefined, "throttle", "page", "lost"];
  const aws = usualAws();
  const { api, server } = await sdkOn(t, aws, { fault: () => faults.shift() });
  assert.deepEqual(await refusal(api.describeLoadBalancerAttributes("arn:none")), [
    "DescribeLoadBalancerAttributes",
    "LoadBalancerNotFound",
    false,
  ]);
  assert.deepEqual(await refusal(api.describeLoadBalancers()), ["DescribeLoadBalancers", "Throttling", true]);
  const [, , retryable] = (await refusal(api.describeLoadBalancers())) as unknown[];
  assert.equal(retryable, true);
  assert.deepEqual(await refusal(api.createLoadBalancer(loadBalancerSpec())), [
    "CreateLoadBalancer",
    "TimedOut",
    true,
  ]);
  assert.equal(aws.census().loadBalancers, 1);
  assert.equal(server.actions.length, 4);
});

test("EC2 throttles under its own name", async (t) => {
  const { api } = await sdkOn(t, usualAws(), { fault: () => "throttle" });
  assert.deepEqual(await refusal(api.describeVpc("vpc-1")), ["DescribeVpcs", "RequestLimitExceeded", true]);
});

test("an answer that never comes, or stops half-way, is given up", async (t) => {
  for (const fault of ["hang", "stall"] as const) {
    const { api } = await sdkOn(t, usualAws(), { fault: () => fault }, { timeoutMs: 200 });
    const given = await refusal(api.describeLoadBalancers());
    assert.deepEqual(given, ["DescribeLoadBalancers", "TimedOut", true], fault);
  }
});

test("throttling has one code, whatever the SDK calls it, and a proxy's answer has its status", () => {
  const codeOf = (error: object) => {
    const { code, retryable } = awsErrorOf("Any", error);
    return `${code} ${retryable}`;
  };
  for (const name of [
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
    "EC2ThrottledException",
  ])
    assert.equal(codeOf({ name, message: "" }), "Throttling true");
  assert.equal(codeOf({ name: "RequestLimitExceeded" }), "RequestLimitExceeded true");
  assert.equal(codeOf({ name: "LoadBalancerNotFoundException" }), "LoadBalancerNotFound false");
  assert.equal(
    codeOf({ name: "LoadBalancerNotFoundException", Code: "LoadBalancerNotFound" }),
    "LoadBalancerNotFound false",
  );
  assert.equal(codeOf({ name: "SyntaxError", $metadata: { httpStatusCode: 502 } }), "Http502 true");
  assert.equal(codeOf({ name: "Odd", $metadata: { httpStatusCode: 429 } }), "Odd true");
  assert.equal(codeOf({ name: "Error", code: "ECONNRESET" }), "TimedOut true");
  assert.equal(codeOf({ name: "CredentialsProviderError" }), "CredentialsProviderError false");
});

test("a server that is not there is no answer, and a wrong region is not tried again", async (t) => {
  const { api, server } = await sdkOn(t, usualAws());
  await server.close();
  assert.deepEqual(await refusal(api.describeLoadBalancers()), ["DescribeLoadBalancers", "TimedOut", true]);
  const other = await sdkOn(t, usualAws(), {}, { region: "us-east-1" });
  assert.deepEqual(await refusal(other.api.describeVpc("vpc-1")), [
    "DescribeVpcs",
    "SignatureDoesNotMatch",
    false,
  ]);
});

test("the signal cancels what is under way", async (t) => {
  const { api, stop } = await sdkOn(t, usualAws(), {
    fault: () => {
      setImmediate(() => stop.abort());
      return "hang";
    },
  });
  assert.deepEqual(await refusal(api.describeLoadBalancers()), ["DescribeLoadBalancers", "Aborted", false]);
});
