import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { AwsApi } from "../../src/balancer/aws/api.ts";
import type { Subnet } from "../../src/balancer/aws/model.ts";
import { createAwsApi } from "../../src/balancer/aws/sdk.ts";
import {
  exerciseBalancer,
  exerciseListeners,
  exerciseNetwork,
  exerciseTargets,
  type Ground,
  recording,
  type Transcript,
} from "./aws-exercise.ts";
import { FakeAws } from "./fake-aws/fake.ts";
import { motoGround, startMoto, whyNoMoto } from "./moto.ts";

/**
 * Where moto 5.2 is not AWS: our fake keeps to AWS there. Each must be met, and nothing else may differ: `call#n` is
 * the n-th call of that name, then the field that moto has differently or not at all.
 */
const DEVIATIONS: readonly (readonly [what: string, where: RegExp])[] = [
  ["a load balancer's DNS name has no hash", /LoadBalancers?#\d+( 0)? dnsName$/],
  ["a load balancer is active when next asked for", /describeLoadBalancers#\d+ 0 state$/],
  ["attributes of network load balancers are missing", /^describeLoadBalancerAttributes#/],
  ["a load balancer cannot go down to one zone", /^setSubnets#1 /],
  ["EnablePrefixForIpv6SourceNat is dropped", /^describeLoadBalancers#\d+ 0 prefixForIpv6SourceNat$/],
  ["target groups have the attributes of application load balancers", /^describeTargetGroupAttributes#/],
  ["targets are healthy at once, used or not", /^describeTargetHealth#\d+ \d (health|reason)$/],
  ["a target's zone `all` is dropped", /^describeTargetHealth#2 0 availabilityZone$/],
  ["TCP listeners have an SSL policy", /Listeners?#\d( 0)? sslPolicy$/],
  ["a target group names its load balancer once a listener", /^describeTargetGroups#2 0 loadBalancers 1$/],
];

/** An answer as lines of `path value`, generated ids and moto's `app/` in ARNs being one. */
function flat(value: unknown, at: readonly string[], into: Map<string, string>): Map<string, string> {
  const plain = value instanceof Map ? Object.fromEntries(value) : value;
  if (typeof plain === "object" && plain !== null)
    for (const [key, part] of Object.entries(plain)) flat(part, [...at, general(key)], into);
  else if (plain !== undefined) into.set(at.join(" "), general(String(plain)));
  return into;
}

function general(text: string): string {
  return text
    .replace(/(loadbalancer|listener)\/app\//, "$1/net/")
    .replaceAll(/[0-9a-f]{16,17}/g, "<id>")
    .replace(/^20\d\d-\d\d-\d\dT.*Z$/, "<time>");
}

/** What two transcripts of the same calls have differently. */
function differences(actual: Transcript, expected: Transcript): string[] {
  assert.deepEqual(
    actual.map(([name]) => name),
    expected.map(([name]) => name),
  );
  const counts = new Map<string, number>();
  return actual.flatMap(([name, answer], index) => {
    counts.set(name, (counts.get(name) ?? 0) + 1);
    const [ours, theirs] = [flat(expected[index]?.[1], [], new Map()), flat(answer, [], new Map())];
    const paths = new Set([...ours.keys(), ...theirs.keys()]);
    return [...paths]
      .filter((path) => ours.get(path) !== theirs.get(path))
      .map((path) => `${name}#${counts.get(name)} ${path}`);
  });
}

/** Our fake with the surroundings that moto has. */
async function fakeLike(ground: Ground & { nodeGroup: string }, api: AwsApi): Promise<FakeAws> {
  const aws = new FakeAws();
  const vpc = await api.describeVpc(ground.vpcId);
  aws.addVpc(ground.vpcId, { ipv6: vpc?.ipv6Cidrs[0] });
  const subnets: Subnet[] = await api.describeSubnets(ground.vpcId);
  for (const subnet of subnets) aws.addSubnet(subnet);
  for (const [index, id] of ground.instances.entries())
    aws.addInstance({ id, subnetId: ground.subnets[index] ?? "", groups: [ground.nodeGroup] });
  for (const arn of ground.certificates) aws.world.certificates.add(arn);
  return aws;
}

async function live(api: AwsApi, ground: Ground, wait: () => void): Promise<void> {
  const group = await exerciseNetwork(api, ground);
  const balancer = await exerciseBalancer(api, ground, group);
  const targets = await exerciseTargets(api, ground);
  await exerciseListeners(api, ground, balancer, targets);
  await api.deleteLoadBalancer(balancer);
  wait();
  await api.deleteSecurityGroup(group);
}

const skip = whyNoMoto();

describe("against moto", () => {
  const environment = { ...process.env };
  const stop = new AbortController();
  before(() => {
    Object.assign(process.env, { AWS_ACCESS_KEY_ID: "AKIATEST", AWS_SECRET_ACCESS_KEY: "secret" });
  });
  after(() => {
    stop.abort();
    process.env = environment;
  });
  const connect = (url: string) =>
    createAwsApi({ region: "eu-west-1", endpoint: url, signal: stop.signal, subnetStatesAsText: true });

  test("every call answers as our fake does, but for moto's known deviations", { skip }, async (t) => {
    const url = await startMoto(t);
    const ground = await motoGround(url);
    const api = await connect(url);
    const aws = await fakeLike(ground, api);
    const [theirs, ours]: [Transcript, Transcript] = [[], []];
    await live(recording(api, theirs), ground, () => {});
    await live(recording(aws.connect(), ours), ground, () => aws.clock.advance(60_000));
    const found = differences(theirs, ours);
    const known = (line: string) => DEVIATIONS.some(([, where]) => where.test(line));
    assert.deepEqual(
      found.filter((line) => !known(line)),
      [],
    );
    const unmet = DEVIATIONS.filter(([, where]) => !found.some((line) => where.test(line)));
    assert.deepEqual(
      unmet.map(([what]) => what),
      [],
    );
  });

  test("moto's states of subnets as text count only where a test says so", { skip }, async (t) => {
    const url = await startMoto(t);
    const { vpcId } = await motoGround(url);
    const strict = await createAwsApi({ region: "eu-west-1", endpoint: url, signal: stop.signal });
    const [tolerant, real] = [
      await (await connect(url)).describeSubnets(vpcId),
      await strict.describeSubnets(vpcId),
    ];
    assert.deepEqual(
      tolerant.map((it) => it.ipv6Cidrs.length),
      [1, 1],
    );
    assert.deepEqual(
      real.map((it) => it.ipv6Cidrs.length),
      [0, 0],
    );
  });
});
