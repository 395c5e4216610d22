import assert from "node:assert/strict";
import { test } from "node:test";
import { AwsError } from "../../src/balancer/aws/api.ts";
import { Refusal, usualAws } from "./fake-aws/fake.ts";
import { listenerSpec, loadBalancerSpec, targetGroupSpec } from "./fake-aws/specs.ts";
import { TCP_CHECK } from "../traffic/balancer/fixtures.ts";

/** The code with which the fake refuses; undefined where it does not. */
function refusal(run: () => unknown): string | undefined {
  try {
    run();
    return undefined;
  } catch (error) {
    assert.ok(error instanceof Refusal, String(error));
    return error.code;
  }
}

/** A fake with a load balancer, a target group and a listener between them. */
function served(change: Parameters<typeof loadBalancerSpec>[0] = {}) {
  const aws = usualAws();
  const balancer = aws.now.createLoadBalancer(loadBalancerSpec(change));
  const group = aws.now.createTargetGroup(targetGroupSpec());
  const listener = aws.now.createListener(balancer.arn, listenerSpec(group.arn));
  return { aws, balancer, group, listener };
}

test("a load balancer becomes active by the clock, and has a name of its own", () => {
  const aws = usualAws();
  const made = aws.now.createLoadBalancer(loadBalancerSpec());
  assert.equal(made.state, "provisioning");
  assert.match(made.dnsName, /^web-[0-9a-f]{16}\.elb\.eu-west-1\.amazonaws\.com$/);
  assert.match(
    made.arn,
    /^arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer\/net\/web\/[0-9a-f]{16}$/,
  );
  aws.clock.advance(60_000);
  assert.equal(aws.now.describeLoadBalancers()[0]?.state, "active");
});

test("creating again gives the same load balancer where the settings are the same", () => {
  const aws = usualAws();
  const first = aws.now.createLoadBalancer(loadBalancerSpec());
  assert.equal(aws.now.createLoadBalancer(loadBalancerSpec()).arn, first.arn);
  const other = [
    { scheme: "internal" },
    { ipAddressType: "dualstack" },
    { tags: { owner: "other" } },
  ] as const;
  for (const change of other)
    assert.equal(
      refusal(() => aws.now.createLoadBalancer(loadBalancerSpec(change))),
      "DuplicateLoadBalancerName",
    );
  assert.equal(aws.census().loadBalancers, 1);
});

test("load balancers that AWS would refuse are refused", () => {
  const aws = usualAws();
  aws.addSubnet({ id: "subnet-4a", ipv4Cidr: "10.0.9.0/24" });
  aws.addSubnet({ id: "subnet-full-b", ipv4Cidr: "10.0.8.0/24", freeIpv4Addresses: 7 });
  const create = (change: Parameters<typeof loadBalancerSpec>[0]) =>
    refusal(() => aws.now.createLoadBalancer(loadBalancerSpec(change)));
  assert.equal(create({ name: "x".repeat(33) }), "ValidationError");
  assert.equal(create({ name: "-web" }), "ValidationError");
  assert.equal(create({ name: "internal-web" }), "ValidationError");
  assert.equal(create({ scheme: "external" as "internal" }), "InvalidScheme");
  assert.equal(create({ ipAddressType: "dualstack-without-public-ipv4" as "ipv4" }), "ValidationError");
  assert.equal(create({ subnets: [{ subnetId: "subnet-none" }] }), "SubnetNotFound");
  assert.equal(create({ subnets: [{ subnetId: "subnet-full-b" }] }), "InvalidSubnet");
  const sameZone = [{ subnetId: "subnet-a" }, { subnetId: "subnet-4a" }];
  assert.equal(create({ subnets: sameZone }), "InvalidConfigurationRequest");
  const withoutIpv6 = [{ subnetId: "subnet-4a" }];
  assert.equal(create({ subnets: withoutIpv6, ipAddressType: "dualstack" }), "ValidationError");
  assert.equal(create({ prefixForIpv6SourceNat: "on" }), "InvalidConfigurationRequest");
  assert.equal(create({ securityGroups: ["sg-none"] }), "InvalidSecurityGroup");
  assert.equal(create({ tags: { "aws:mine": "x" } }), "ValidationError");
  assert.equal(create({ subnets: withoutIpv6 }), undefined);
});

test("a quota ends creation", () => {
  const aws = usualAws({ quotas: { loadBalancers: 1, targetGroups: 0 } });
  aws.now.createLoadBalancer(loadBalancerSpec());
  assert.equal(
    refusal(() => aws.now.createLoadBalancer(loadBalancerSpec({ name: "second" }))),
    "TooManyLoadBalancers",
  );
  assert.equal(
    refusal(() => aws.now.createTargetGroup(targetGroupSpec())),
    "TooManyTargetGroups",
  );
});

test("the type changes in place where the subnets have IPv6", () => {
  const { aws, balancer } = served();
  aws.now.setIpAddressType(balancer.arn, "dualstack");
  assert.equal(aws.now.describeLoadBalancers()[0]?.ipAddressType, "dualstack");
  aws.addSubnet({ id: "subnet-4c", ipv4Cidr: "10.0.9.0/24", availabilityZone: "eu-west-1c" });
  aws.now.setIpAddressType(balancer.arn, "ipv4");
  aws.now.setSubnets(balancer.arn, [{ subnetId: "subnet-4c" }], undefined);
  assert.equal(
    refusal(() => aws.now.setIpAddressType(balancer.arn, "dualstack")),
    "ValidationError",
  );
});

test("deletion protection and endpoint services keep a load balancer; deleting what is gone succeeds", () => {
  const { aws, balancer } = served();
  aws.now.modifyLoadBalancerAttributes(balancer.arn, { "deletion_protection.enabled": "true" });
  assert.equal(
    refusal(() => aws.now.deleteLoadBalancer(balancer.arn)),
    "OperationNotPermitted",
  );
  aws.now.modifyLoadBalancerAttributes(balancer.arn, { "deletion_protection.enabled": "false" });
  for (const it of aws.world.loadBalancers.values()) it.endpointService = true;
  assert.equal(
    refusal(() => aws.now.deleteLoadBalancer(balancer.arn)),
    "ResourceInUse",
  );
  for (const it of aws.world.loadBalancers.values()) it.endpointService = false;
  aws.now.deleteLoadBalancer(balancer.arn);
  aws.now.deleteLoadBalancer(balancer.arn);
  assert.deepEqual(
    { ...aws.census(), securityGroups: 0 },
    { loadBalancers: 0, listeners: 0, targetGroups: 1, securityGroups: 0 },
  );
});

test("security groups: once none never any, none in use is deleted, and what is deleted lingers", () => {
  const { aws, balancer } = served();
  const spec = { name: "front", description: "of web", vpcId: "vpc-1", tags: {} };
  const id = aws.now.createSecurityGroup(spec);
  assert.equal(
    refusal(() => aws.now.createSecurityGroup(spec)),
    "InvalidGroup.Duplicate",
  );
  assert.equal(
    refusal(() => aws.now.setSecurityGroups(balancer.arn, [id], undefined)),
    "InvalidConfigurationRequest",
  );
  const second = aws.now.createLoadBalancer(loadBalancerSpec({ name: "second", securityGroups: [id] }));
  assert.equal(
    refusal(() => aws.now.setSecurityGroups(second.arn, [], undefined)),
    "ValidationError",
  );
  assert.equal(
    refusal(() => aws.now.deleteSecurityGroup(id)),
    "DependencyViolation",
  );
  aws.now.deleteLoadBalancer(second.arn);
  assert.equal(
    refusal(() => aws.now.deleteSecurityGroup(id)),
    "DependencyViolation",
  );
  aws.clock.advance(5_000);
  aws.now.deleteSecurityGroup(id);
  assert.equal(
    refusal(() => aws.now.deleteSecurityGroup(id)),
    "InvalidGroup.NotFound",
  );
});

test("permissions are one thing whatever their words, of both families, and are all taken or none", () => {
  const aws = usualAws();
  const id = aws.now.createSecurityGroup({ name: "front", description: "of web", vpcId: "vpc-1", tags: {} });
  const rule = { protocol: "tcp", fromPort: 80, toPort: 80 } as const;
  aws.now.authorizeIngress(id, [
    { ...rule, cidr: "10.1.2.3/8" },
    { ...rule, ipv6Cidr: "2001:DB8::1/32" },
  ]);
  const inbound = aws.now.describeSecurityGroups({ vpcId: "vpc-1", ids: [id] })[0]?.inbound;
  assert.deepEqual(inbound, [
    { ...rule, cidr: "10.0.0.0/8" },
    { ...rule, ipv6Cidr: "2001:db8::/32" },
  ]);
  const authorize = (...rules: Parameters<typeof aws.now.authorizeIngress>[1]) =>
    refusal(() => aws.now.authorizeIngress(id, rules));
  assert.equal(
    authorize({ ...rule, cidr: "10.0.0.0/8", description: "again" }),
    "InvalidPermission.Duplicate",
  );
  assert.equal(authorize({ ...rule, cidr: "::/0" }), "InvalidParameterValue");
  assert.equal(authorize({ ...rule, group: "sg-none" }), "InvalidGroup.NotFound");
  const fresh = { ...rule, cidr: "192.0.2.0/24" };
  assert.equal(authorize(fresh, { ...rule, cidr: "10.0.0.0/8" }), "InvalidPermission.Duplicate");
  assert.equal(
    refusal(() => aws.now.revokeIngress(id, [fresh])),
    "InvalidPermission.NotFound",
  );
  aws.now.authorizeIngress(aws.nodeGroup, [{ ...rule, group: id }]);
  assert.equal(
    refusal(() => aws.now.deleteSecurityGroup(id)),
    "DependencyViolation",
  );
});

test("target groups that AWS would refuse are refused", () => {
  const aws = usualAws();
  const create = (change: Parameters<typeof targetGroupSpec>[0]) =>
    refusal(() => aws.now.createTargetGroup(targetGroupSpec(change)));
  assert.equal(create({ targetType: "instance", ipAddressType: "ipv6" }), "ValidationError");
  assert.equal(create({ ipAddressType: "dualstack" as "ipv4" }), "ValidationError");
  assert.equal(create({ name: "x".repeat(33) }), "ValidationError");
  assert.equal(create({ healthCheck: { ...TCP_CHECK, timeoutSeconds: 11 } }), "ValidationError");
  assert.equal(create({ healthCheck: { ...TCP_CHECK, path: "/" } }), "ValidationError");
  assert.equal(create({ healthCheck: { ...TCP_CHECK, healthyThreshold: 1 } }), "ValidationError");
  assert.equal(create({}), undefined);
  assert.equal(create({}), undefined);
  assert.equal(create({ port: 30081 }), "DuplicateTargetGroupName");
  assert.equal(aws.census().targetGroups, 1);
});

test("attributes: unknown ones, bad values and what UDP cannot have are refused", () => {
  const { aws, balancer, group, listener } = served();
  const onGroup = (attributes: Record<string, string>, arn = group.arn) =>
    refusal(() => aws.now.modifyTargetGroupAttributes(arn, attributes));
  assert.equal(onGroup({ "proxy_protocol_v2.enabled": "true" }), undefined);
  assert.equal(onGroup({ "proxy_protocol_v2.enabled": "yes" }), "ValidationError");
  assert.equal(onGroup({ "proxy_protocol.enabled": "true" }), "ValidationError");
  const udp = aws.now.createTargetGroup(targetGroupSpec({ name: "udp", protocol: "UDP" }));
  assert.equal(onGroup({ "preserve_client_ip.enabled": "false" }, udp.arn), "InvalidConfigurationRequest");
  const idle = (value: string) =>
    refusal(() => aws.now.modifyListenerAttributes(listener.arn, { "tcp.idle_timeout.seconds": value }));
  assert.equal(idle("59"), "ValidationError");
  assert.equal(idle("6000"), undefined);
  assert.equal(
    refusal(() =>
      aws.now.modifyLoadBalancerAttributes(balancer.arn, { "idle_timeout.timeout_seconds": "60" }),
    ),
    "ValidationError",
  );
});

test("attributes that depend on each other, on the scheme and on the protocol", () => {
  const { aws, balancer, group } = served({ scheme: "internal" });
  assert.equal(aws.now.describeLoadBalancerAttributes(balancer.arn)["ipv6.deny_all_igw_traffic"], "true");
  const onBalancer = (attributes: Record<string, string>) =>
    refusal(() => aws.now.modifyLoadBalancerAttributes(balancer.arn, attributes));
  assert.equal(onBalancer({ "access_logs.s3.enabled": "true" }), "InvalidConfigurationRequest");
  assert.equal(onBalancer({ "secondary_ips.auto_assigned.per_subnet": "2" }), undefined);
  assert.equal(onBalancer({ "secondary_ips.auto_assigned.per_subnet": "1" }), "InvalidConfigurationRequest");
  const health = "target_health_state.unhealthy";
  const drain = { [`${health}.draining_interval_seconds`]: "60" };
  const onGroup = (attributes: Record<string, string>) =>
    refusal(() => aws.now.modifyTargetGroupAttributes(group.arn, attributes));
  assert.equal(onGroup(drain), "InvalidConfigurationRequest");
  assert.equal(onGroup({ ...drain, [`${health}.connection_termination.enabled`]: "false" }), undefined);
});

test("listeners that AWS would refuse are refused", () => {
  const { aws, balancer, group } = served({ ipAddressType: "dualstack" });
  const create = (change: Parameters<typeof listenerSpec>[1], arn = group.arn) =>
    refusal(() => aws.now.createListener(balancer.arn, listenerSpec(arn, { port: 443, ...change })));
  assert.equal(create({ port: 80, tags: {} }), "DuplicateListener");
  assert.equal(create({ protocol: "TLS" }), "ValidationError");
  assert.equal(create({ protocol: "TLS", certificates: ["arn:aws:acm:none"] }), "CertificateNotFound");
  const certificate = aws.addCertificate("one");
  assert.equal(create({ certificates: [certificate] }), "ValidationError");
  assert.equal(create({ protocol: "TLS", certificates: [certificate] }), undefined);
  const udp = aws.now.createTargetGroup(targetGroupSpec({ name: "udp", protocol: "UDP" }));
  assert.equal(create({ port: 53 }, udp.arn), "IncompatibleProtocols");
  assert.equal(create({ port: 53, protocol: "UDP" }, udp.arn), "InvalidConfigurationRequest");
  aws.now.setSubnets(balancer.arn, loadBalancerSpec().subnets, "on");
  assert.equal(create({ port: 53, protocol: "UDP" }, udp.arn), "InvalidConfigurationRequest");
  const udp6 = aws.now.createTargetGroup(
    targetGroupSpec({ name: "udp6", protocol: "UDP", targetType: "ip", ipAddressType: "ipv6" }),
  );
  assert.equal(create({ port: 53, protocol: "UDP" }, udp6.arn), undefined);
  assert.equal(create({}, "arn:aws:elasticloadbalancing:none"), "TargetGroupNotFound");
});

test("a target group serves one load balancer, and an IPv6 one needs dualstack", () => {
  const { aws, balancer, group } = served();
  const second = aws.now.createLoadBalancer(loadBalancerSpec({ name: "second" }));
  assert.equal(
    refusal(() => aws.now.createListener(second.arn, listenerSpec(group.arn))),
    "TargetGroupAssociationLimit",
  );
  const six = aws.now.createTargetGroup(
    targetGroupSpec({ name: "six", targetType: "ip", ipAddressType: "ipv6" }),
  );
  const listener = () => aws.now.createListener(balancer.arn, listenerSpec(six.arn, { port: 81 }));
  assert.equal(refusal(listener), "InvalidConfigurationRequest");
  aws.now.setIpAddressType(balancer.arn, "dualstack");
  listener();
  assert.equal(
    refusal(() => aws.now.setIpAddressType(balancer.arn, "ipv4")),
    "InvalidConfigurationRequest",
  );
  assert.equal(
    refusal(() => aws.now.deleteTargetGroup(group.arn)),
    "ResourceInUse",
  );
});

test("targets are valid, of the group's family, and may be registered at several ports", () => {
  const { aws, group } = served();
  const register = (arn: string, ...targets: Parameters<typeof aws.now.registerTargets>[1]) =>
    refusal(() => aws.now.registerTargets(arn, targets));
  const id = "i-0aaaaaaaaaaaaaaa1";
  assert.equal(register(group.arn, { id, port: 30080 }, { id, port: 30081 }), undefined);
  assert.equal(aws.now.describeTargetHealth(group.arn).length, 2);
  assert.equal(register(group.arn, { id: "i-none", port: 1 }), "InvalidTarget");
  aws.addInstance({ id: "i-stopped", subnetId: "subnet-a", state: "stopped" });
  assert.equal(register(group.arn, { id: "i-stopped", port: 1 }), "InvalidTarget");
  const ips = aws.now.createTargetGroup(targetGroupSpec({ name: "ips", targetType: "ip" }));
  assert.equal(register(ips.arn, { id: "2a05:d018:1234:5600::7", port: 1 }), "ValidationError");
  assert.equal(register(ips.arn, { id: "203.0.113.7", port: 1, availabilityZone: "all" }), "InvalidTarget");
  assert.equal(register(ips.arn, { id: "100.64.0.7", port: 1 }), "ValidationError");
  assert.equal(register(ips.arn, { id: "100.64.0.7", port: 1, availabilityZone: "all" }), undefined);
  assert.equal(register(ips.arn, { id: "10.0.0.7", port: 1 }), undefined);
  const zones = aws.now.describeTargetHealth(ips.arn).map((it) => [it.id, it.availabilityZone]);
  assert.deepEqual(zones, [
    ["100.64.0.7", "all"],
    ["10.0.0.7", "eu-west-1a"],
  ]);
  const quic = aws.now.createTargetGroup(targetGroupSpec({ name: "quic", protocol: "QUIC" }));
  assert.equal(register(quic.arn, { id, port: 30443 }), "ValidationError");
});

test("targets of one zone are counted over all groups of a load balancer", () => {
  const aws = usualAws({ quotas: { targetsPerZone: 2 } });
  const balancer = aws.now.createLoadBalancer(loadBalancerSpec());
  const groups = ["one", "two"].map((name) => aws.now.createTargetGroup(targetGroupSpec({ name })).arn);
  for (const [index, arn] of groups.entries())
    aws.now.createListener(balancer.arn, listenerSpec(arn, { port: 80 + index }));
  const [one = "", two = ""] = groups;
  const register = (arn: string, id: string, port: number) =>
    refusal(() => aws.now.registerTargets(arn, [{ id, port }]));
  assert.equal(register(one, "i-0aaaaaaaaaaaaaaa1", 1), undefined);
  assert.equal(register(two, "i-0aaaaaaaaaaaaaaa1", 1), undefined);
  assert.equal(register(two, "i-0aaaaaaaaaaaaaaa1", 2), "TooManyTargets");
  assert.equal(register(two, "i-0aaaaaaaaaaaaaaa2", 2), undefined);
});

test("health goes unused, initial, healthy, draining, gone", () => {
  const aws = usualAws();
  const group = aws.now.createTargetGroup(targetGroupSpec());
  const target = { id: "i-0aaaaaaaaaaaaaaa1", port: 30080 };
  aws.now.registerTargets(group.arn, [target]);
  const health = () => aws.now.describeTargetHealth(group.arn)[0]?.health;
  assert.equal(health(), "unused");
  const balancer = aws.now.createLoadBalancer(loadBalancerSpec());
  aws.now.createListener(balancer.arn, listenerSpec(group.arn));
  assert.equal(health(), "initial");
  aws.clock.advance(60_000);
  assert.equal(health(), "healthy");
  aws.setHealth(target.id, "unhealthy");
  assert.equal(health(), "unhealthy");
  aws.now.deregisterTargets(group.arn, [target]);
  assert.equal(health(), "draining");
  aws.clock.advance(300_000);
  assert.equal(health(), undefined);
});

test("a target group may be deleted once its load balancer is gone and a while has passed", () => {
  const { aws, balancer, group } = served();
  aws.now.deleteLoadBalancer(balancer.arn);
  assert.equal(
    refusal(() => aws.now.deleteTargetGroup(group.arn)),
    "ResourceInUse",
  );
  aws.clock.advance(5_000);
  aws.now.deleteTargetGroup(group.arn);
  assert.equal(aws.census().targetGroups, 0);
});

test("faults: a failing call did nothing, a lost answer did all, a killed caller is heard no more", async () => {
  const aws = usualAws();
  const failing = aws.connect({ fault: () => ({ kind: "throttle" }) });
  const throttled = (error: unknown) =>
    error instanceof AwsError && error.code === "Throttling" && error.retryable;
  await assert.rejects(failing.createLoadBalancer(loadBalancerSpec()), throttled);
  assert.equal(aws.census().loadBalancers, 0);
  const losing = aws.connect({ fault: ({ index }) => (index === 0 ? { kind: "lost" } : undefined) });
  await assert.rejects(losing.createLoadBalancer(loadBalancerSpec()), { code: "TimedOut", retryable: true });
  assert.equal((await losing.describeLoadBalancers()).length, 1);
  assert.deepEqual(
    [...losing.counts],
    [
      ["createLoadBalancer", 1],
      ["describeLoadBalancers", 1],
    ],
  );
  const dying = aws.connect({
    fault: ({ name }) => (name === "createTargetGroup" ? { kind: "kill", when: "after" } : undefined),
  });
  let heard = false;
  void dying.createTargetGroup(targetGroupSpec()).then(() => (heard = true));
  assert.equal((await dying.killed).name, "createTargetGroup");
  void dying.deleteTargetGroup("any").then(() => (heard = true));
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual([heard, aws.census().targetGroups], [false, 1]);
});

test("what a caller holds is not the fake's state", async () => {
  const { aws, balancer } = served();
  const api = aws.connect();
  const before = (await api.describeLoadBalancers())[0] as { subnets: unknown[] } | undefined;
  before?.subnets.pop();
  assert.equal((await api.describeLoadBalancers({ arns: [balancer.arn] }))[0]?.subnets.length, 2);
});
