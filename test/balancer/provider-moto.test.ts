import assert from "node:assert/strict";
import { after, before, describe, test, type TestContext } from "node:test";
import type { AwsApi } from "../../src/balancer/aws/api.ts";
import { createAwsProvider } from "../../src/balancer/aws/provider.ts";
import { createAwsApi } from "../../src/balancer/aws/sdk.ts";
import {
  CLUSTER,
  HTTP,
  HTTPS,
  LiveService,
  modelOf,
  nodeOf,
  settle,
  settleRelease,
  type TestService,
} from "./aws/cluster.ts";
import { FakeClock, usualAws } from "./fake-aws/fake.ts";
import { serveFakeAws } from "./fake-aws/http/server.ts";
import { targetGroupSpec } from "./fake-aws/specs.ts";
import { motoGround, startMoto, whyNoMoto } from "./moto.ts";

/** Where the provider runs: an account behind the real SDK. */
interface Account {
  readonly api: AwsApi;
  readonly vpcId: string;
  readonly instances: readonly string[];
  readonly certificate: string;
  readonly clock: FakeClock;
}

const stop = new AbortController();
const environment = { ...process.env };
before(() => {
  Object.assign(process.env, { AWS_ACCESS_KEY_ID: "AKIATEST", AWS_SECRET_ACCESS_KEY: "secret" });
});
after(() => {
  stop.abort();
  process.env = environment;
});

const sdk = (endpoint: string, subnetStatesAsText: boolean) =>
  createAwsApi({ region: "eu-west-1", endpoint, signal: stop.signal, subnetStatesAsText });

async function onMoto(t: TestContext): Promise<Account> {
  const url = await startMoto(t);
  const { vpcId, instances, certificates } = await motoGround(url);
  const certificate = certificates[0] ?? "";
  return { api: await sdk(url, true), vpcId, instances, certificate, clock: new FakeClock() };
}

async function onFake(t: TestContext): Promise<Account> {
  const aws = usualAws();
  const server = await serveFakeAws(aws, { pageSize: 2 });
  t.after(() => server.close());
  const instances = [...aws.world.instances.keys()];
  const certificate = aws.addCertificate("one");
  return { api: await sdk(server.url, false), vpcId: "vpc-1", instances, certificate, clock: aws.clock };
}

function providerOn({ api, vpcId, clock }: Account) {
  const none = { perSecond: 1e9, burst: 1e9 };
  return createAwsProvider({
    api,
    clusterName: CLUSTER,
    vpcId,
    clock: { now: clock.now, pause: clock.sleep },
    random: () => 0.5,
    rates: { describe: none, modify: none, register: none },
  });
}

/** What is there that Tandem could have made, in words. */
async function census({ api, vpcId }: Account): Promise<unknown> {
  const balancers = await api.describeLoadBalancers();
  const groups = await api.describeTargetGroups();
  const listeners = await Promise.all(balancers.map((it) => api.describeListeners(it.arn)));
  const security = await api.describeSecurityGroups({ vpcId });
  return {
    balancers: balancers.map((it) => `${it.scheme} ${it.ipAddressType}`).toSorted(),
    listeners: listeners
      .flat()
      .map((it) => `${it.protocol} ${it.port}`)
      .toSorted(),
    targetGroups: groups.map((it) => `${it.protocol} ${it.port} ${it.ipAddressType}`).toSorted(),
    securityGroups: security.filter((it) => it.tags["elbv2.k8s.aws/cluster"] === CLUSTER).length,
  };
}

const NOTHING = { balancers: [], listeners: [], targetGroups: [], securityGroups: 0 };
const DUALSTACK = { "ip-address-type": "dualstack", "proxy-protocol": "*" };

/** A Service from its creation over every kind of change to its end. */
async function live(account: Account): Promise<void> {
  const provider = providerOn(account);
  const service = new LiveService({ ports: [HTTP] });
  service.nodes = account.instances.map((id) => nodeOf(id));
  const become = async (wanted: TestService) => {
    service.apply(wanted);
    await settle(provider, service, account.clock);
    return census(account);
  };
  const one = {
    balancers: ["internet-facing ipv4"],
    listeners: ["TCP 80"],
    targetGroups: ["TCP 30080 ipv4"],
  };
  assert.deepEqual(await become({ ports: [HTTP] }), { ...one, securityGroups: 2 });
  const first = service.hostname;
  const dualstack = { ...one, balancers: ["internet-facing dualstack"], securityGroups: 2 };
  assert.deepEqual(await become({ ports: [HTTP], annotations: DUALSTACK }), dualstack);
  assert.equal(service.hostname, first);
  const tls = { "ssl-cert": account.certificate, "ssl-ports": "443" };
  assert.deepEqual(await become({ ports: [HTTP, HTTPS], annotations: { ...DUALSTACK, ...tls } }), {
    balancers: ["internet-facing dualstack"],
    listeners: ["TCP 80", "TLS 443"],
    targetGroups: ["TCP 30080 ipv4", "TCP 30443 ipv4"],
    securityGroups: 2,
  });
  assert.deepEqual(await provider.plan(modelOf(service.service, service.nodes), service.context), []);
  const internal = { ...one, balancers: ["internal ipv4"], securityGroups: 2 };
  assert.deepEqual(await become({ ports: [HTTP], annotations: { scheme: "internal" } }), internal);
  assert.notEqual(service.hostname, undefined);
  await settleRelease(provider, service, account.clock);
  assert.deepEqual(await census(account), NOTHING);
}

/** A Service that went while nobody looked: found by the tags, and removed. */
async function vanish(account: Account): Promise<void> {
  const provider = providerOn(account);
  const service = new LiveService({ ports: [HTTP], annotations: DUALSTACK });
  service.nodes = account.instances.map((id) => nodeOf(id));
  await settle(provider, service, account.clock);
  const { key, uid, signal } = service;
  assert.deepEqual(await provider.orphans(new Map([[key, uid]]), signal), []);
  account.clock.advance(120_000);
  for (let sweep = 0; sweep < 5; sweep++) {
    const orphans = await provider.orphans(new Map(), signal);
    if (sweep === 0)
      assert.ok(orphans.some(({ kind, service: of }) => kind === "LoadBalancer" && of === key));
    await provider.deleteOrphans(orphans, signal);
    account.clock.advance(120_000);
  }
  assert.deepEqual(await census(account), NOTHING);
}

/** A port shared with another's target group: weights come, change and go, and the other's stays. */
async function shared(account: Account): Promise<void> {
  const provider = providerOn(account);
  const service = new LiveService({ ports: [HTTP] });
  service.nodes = account.instances.map((id) => nodeOf(id));
  const { vpcId, api } = account;
  const spec = { ...targetGroupSpec({ name: "foreign" }), vpcId, tags: {} };
  const { arn } = await api.createTargetGroup(spec);
  const forwards = async (weight: number | undefined): Promise<(readonly [boolean, number])[]> => {
    const forwardConfig = { baseServiceWeight: 90, targetGroups: [{ targetGroupARN: arn, weight }] };
    const action = JSON.stringify({ type: "forward", forwardConfig });
    const annotations = { "service.beta.kubernetes.io/actions.TCP-80": action };
    service.apply({ ports: [HTTP], ...(weight !== undefined && { annotations }) });
    await settle(provider, service, account.clock);
    const [balancer] = await api.describeLoadBalancers();
    const [listener] = await api.describeListeners(balancer?.arn ?? "");
    assert.deepEqual(await provider.plan(modelOf(service.service, service.nodes), service.context), []);
    return (listener?.forward ?? []).map((to) => [to.targetGroup === arn, to.weight] as const);
  };
  assert.deepEqual(await forwards(undefined), [[false, 1]]);
  assert.deepEqual(await forwards(10), [
    [false, 90],
    [true, 10],
  ]);
  assert.deepEqual(await forwards(50), [
    [false, 90],
    [true, 50],
  ]);
  assert.deepEqual(await forwards(undefined), [[false, 1]]);
  await settleRelease(provider, service, account.clock);
  assert.deepEqual(
    (await api.describeTargetGroups()).map(({ name }) => name),
    ["foreign"],
  );
}

/** Addresses that are asked for: moto takes them and does not tell them, so that here only coming and going counts. */
async function fixed(account: Account): Promise<void> {
  const provider = providerOn(account);
  const subnets = (await account.api.describeSubnets(account.vpcId)).slice(0, 2);
  const names = subnets.map(({ id }) => id).join();
  const inside = (cidr = "", host: string): string => cidr.replace(/(0\/24|\/64)$/, host);
  const six = subnets.map(({ ipv6Cidrs }) => inside(ipv6Cidrs[0], "77")).join();
  const four = subnets.map(({ ipv4Cidr }) => inside(ipv4Cidr, "77")).join();
  const kinds: readonly Readonly<Record<string, string>>[] = [
    { "ip-address-type": "dualstack", "ipv6-addresses": six },
    { scheme: "internal", "private-ipv4-addresses": four },
  ];
  for (const annotations of kinds) {
    const service = new LiveService({ ports: [HTTP], annotations: { ...annotations, subnets: names } });
    service.nodes = account.instances.map((id) => nodeOf(id));
    await settle(provider, service, account.clock);
    assert.notEqual(service.hostname, undefined);
    await settleRelease(provider, service, account.clock);
    assert.deepEqual(await census(account), NOTHING);
  }
}

describe("a Service through the real SDK, from creation to release", () => {
  test("on the strict fake over HTTP", async (t) => live(await onFake(t)));
  test("gone unseen, on the strict fake over HTTP", async (t) => vanish(await onFake(t)));
  test("with a share for another, on the strict fake over HTTP", async (t) => shared(await onFake(t)));
  test("with a share for another, on moto", { skip: whyNoMoto() }, async (t) => shared(await onMoto(t)));
  test("at fixed addresses, on the strict fake over HTTP", async (t) => fixed(await onFake(t)));
  test("at fixed addresses, on moto", { skip: whyNoMoto() }, async (t) => fixed(await onMoto(t)));
  test("on moto", { skip: whyNoMoto() }, async (t) => live(await onMoto(t)));
  test("gone unseen, on moto", { skip: whyNoMoto() }, async (t) => vanish(await onMoto(t)));
});
