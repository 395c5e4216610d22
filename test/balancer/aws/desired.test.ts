import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { desiredStack } from "../../../src/balancer/aws/desired.ts";
import type {
  CurrentStack,
  DesiredStack,
  LoadBalancer,
  Surroundings,
} from "../../../src/balancer/aws/model.ts";
import { backendGroupName, targetGroupName } from "../../../src/balancer/aws/names.ts";
import type { ServiceSpec } from "../../../src/objects/types.ts";
import { balancerService, modelOf, node } from "../../traffic/balancer/fixtures.ts";
import { subnet, surroundings } from "./surroundings.ts";

const NOTHING: CurrentStack = { loadBalancers: [], targetGroups: [], securityGroups: [] };
const PUBLIC = { scheme: "internet-facing" };
const DUAL = { ...PUBLIC, "ip-address-type": "dualstack" };

interface Given {
  readonly spec?: Partial<ServiceSpec>;
  readonly around?: Partial<Surroundings>;
  readonly existing?: CurrentStack;
  readonly uid?: string;
}

function desired(short: Record<string, string>, { spec, around, existing = NOTHING, uid }: Given = {}) {
  const service = balancerService(short, spec);
  if (uid !== undefined) service.metadata.uid = uid;
  return desiredStack(modelOf(service, { nodes: [node("a")] }), surroundings(around), existing);
}

function stackOf(short: Record<string, string>, given: Given = {}): DesiredStack {
  const { stack, findings } = desired(short, given);
  assert.ok(stack, JSON.stringify(findings));
  return stack;
}

const chosen = (short: Record<string, string>, given: Given = {}) =>
  stackOf(short, given).loadBalancer.subnets.map(({ subnetId }) => subnetId);

function refused(short: Record<string, string>, given: Given = {}): string {
  const { stack, findings } = desired(short, given);
  assert.equal(stack, undefined);
  assert.equal(findings[0]?.level, "error");
  assert.ok(findings[0]?.next, "an error says what to do");
  return findings[0]?.message ?? "";
}

function existingOne(over: Partial<LoadBalancer> = {}): CurrentStack {
  const balancer: LoadBalancer = {
    arn: "arn:lb",
    name: "k8s-default-web-0123456789",
    dnsName: "x.elb.example",
    type: "network",
    scheme: "internet-facing",
    ipAddressType: "ipv4",
    state: "active",
    vpcId: "vpc-1",
    subnets: [{ subnetId: "subnet-a" }],
    securityGroups: [],
    prefixForIpv6SourceNat: undefined,
    created: undefined,
    attributes: {},
    listeners: [],
    tags: {},
    ...over,
  };
  return { ...NOTHING, loadBalancers: [balancer] };
}

describe("subnets", () => {
  const role = (scheme: "elb" | "internal-elb", value = "1") => ({ [`kubernetes.io/role/${scheme}`]: value });
  const cluster = (name: string) => ({ [`kubernetes.io/cluster/${name}`]: "shared" });
  const around = (...subnets: ReturnType<typeof subnet>[]) => ({ around: { subnets } });

  test("those with the role's tag, whatever its routes", () => {
    const given = around(
      subnet("subnet-a"),
      subnet("subnet-b", { public: false, tags: role("elb", "") }),
      subnet("subnet-c", { tags: role("elb", "0") }),
      subnet("subnet-d", { tags: role("internal-elb") }),
    );
    assert.deepEqual(chosen(PUBLIC, given), ["subnet-b"]);
    assert.deepEqual(chosen({ scheme: "internal" }, given), ["subnet-d"]);
  });

  test("without tags those of the right reach", () => {
    const given = around(subnet("subnet-a"), subnet("subnet-b", { public: false }));
    assert.deepEqual(chosen(PUBLIC, given), ["subnet-a"]);
    assert.deepEqual(chosen({ scheme: "internal" }, given), ["subnet-b"]);
  });

  test("one a zone: the cluster's own first, then the lowest id", () => {
    const given = around(
      subnet("subnet-3-a"),
      subnet("subnet-2-a", { tags: cluster("shoot--dev--web") }),
      subnet("subnet-1-a"),
      subnet("subnet-5-b"),
      subnet("subnet-4-b"),
      subnet("subnet-0-c", { tags: cluster("another") }),
      subnet("subnet-0-d", { tags: { ...cluster("another"), ...cluster("shoot--dev--web") } }),
    );
    assert.deepEqual(chosen(PUBLIC, given), ["subnet-0-d", "subnet-2-a", "subnet-4-b"]);
  });

  test("too full, or without IPv6 where that is needed", () => {
    const full = subnet("subnet-a", { freeIpv4Addresses: 7 });
    const four = subnet("subnet-b", { ipv6Cidrs: [] });
    assert.deepEqual(chosen(PUBLIC, around(full, four, subnet("subnet-c", { freeIpv4Addresses: 8 }))), [
      "subnet-b",
      "subnet-c",
    ]);
    assert.deepEqual(chosen(DUAL, around(four, subnet("subnet-c"))), ["subnet-c"]);
    const other = subnet("subnet-c", { tags: cluster("another") });
    assert.equal(
      refused(PUBLIC, around(full, other)),
      "unable to resolve at least one subnet. Evaluated 2 subnets: 1 are tagged for other clusters, and 1 have insufficient available IP addresses",
    );
    assert.equal(
      refused(DUAL, around(full, other, four)),
      "unable to resolve at least one subnet. Evaluated 3 subnets: 1 are tagged for other clusters, 1 have insufficient available IP addresses, and 1 don't have an associated IPv6 CIDR block, which is required for dualstack load balancers",
    );
    assert.equal(
      refused(PUBLIC, around()),
      "unable to resolve at least one subnet. Evaluated 0 subnets: 0 are tagged for other clusters, and 0 have insufficient available IP addresses",
    );
  });

  test("named by id and by tag Name, in the order given", () => {
    const named = (id: string, Name: string) => subnet(id, { tags: { Name } });
    const given = around(named("subnet-2-b", "n"), named("subnet-1-a", "n"), named("subnet-3-c", "m"));
    assert.deepEqual(chosen({ ...PUBLIC, subnets: "m, n, n" }, given), [
      "subnet-3-c",
      "subnet-1-a",
      "subnet-2-b",
    ]);
    assert.deepEqual(chosen({ ...PUBLIC, subnets: "subnet-2-b, m" }, given), ["subnet-2-b", "subnet-3-c"]);
    const why = (subnets: string) => refused({ ...PUBLIC, subnets }, given);
    assert.equal(why("subnet-9"), "subnet ID not found: subnet-9");
    assert.equal(why("m, o, p, o"), "couldn't find all subnets, missing names: [o p]");
    assert.equal(
      why("n, n, n"),
      'subnet with Name tag "n" requested 3 times but only 2 subnet(s) found with that name',
    );
  });

  test("named ones have to be of different zones, of one kind, and with IPv6 where that is needed", () => {
    const given = around(
      subnet("subnet-1-a"),
      subnet("subnet-2-a"),
      subnet("subnet-3-b", { locale: "local-zone" }),
      subnet("subnet-4-c", { ipv6Cidrs: [] }),
      subnet("subnet-5-d", { ipv6Cidrs: [] }),
    );
    const why = (subnets: string) => refused({ ...DUAL, subnets }, given);
    assert.equal(
      why("subnet-1-a,subnet-2-a"),
      "multiple subnets in same Availability Zone eu-west-1a: [subnet-1-a subnet-2-a]",
    );
    assert.equal(why("subnet-1-a,subnet-3-b"), "subnets in multiple locales: [availability-zone local-zone]");
    assert.equal(
      why("subnet-1-a,subnet-4-c,subnet-5-d"),
      "subnets [subnet-4-c subnet-5-d] do not have an associated IPv6 CIDR block, which is required for dualstack load balancers",
    );
  });

  test("those of the load balancer there is, while its scheme stays", () => {
    const existing = existingOne({ subnets: [{ subnetId: "subnet-b" }] });
    assert.deepEqual(chosen(PUBLIC, { existing }), ["subnet-b"]);
    assert.deepEqual(chosen(PUBLIC, { existing: existingOne({ state: "failed" }) }), [
      "subnet-a",
      "subnet-b",
    ]);
    const internal = around(subnet("subnet-c", { public: false }));
    assert.deepEqual(chosen({ scheme: "internal" }, { ...internal, existing }), ["subnet-c"]);
    const four = { subnets: [subnet("subnet-b", { ipv6Cidrs: [] }), subnet("subnet-a")] };
    assert.match(
      refused(DUAL, { around: four, existing }),
      /^subnets \[subnet-b\] do not have an associated IPv6/,
    );
  });
});

describe("addresses in subnets", () => {
  test("Elastic IPs by position", () => {
    const mapped = stackOf({ ...PUBLIC, "eip-allocations": "eipalloc-1, eipalloc-2" }).loadBalancer.subnets;
    assert.deepEqual(mapped, [
      { subnetId: "subnet-a", allocationId: "eipalloc-1" },
      { subnetId: "subnet-b", allocationId: "eipalloc-2" },
    ]);
    assert.equal(
      refused({ ...PUBLIC, "eip-allocations": "eipalloc-1" }),
      "count of EIP allocations (1) and subnets (2) must match",
    );
    assert.equal(
      refused(
        { "eip-allocations": "eipalloc-1" },
        { around: { subnets: [subnet("subnet-a", { public: false })] } },
      ),
      "EIP allocations can only be set for internet facing load balancers",
    );
  });

  test("addresses by the subnet that they are in", () => {
    const short = { ...DUAL, "ipv6-addresses": "2001:db8:0:2::9, 2001:db8:0:1::9" };
    assert.deepEqual(stackOf(short).loadBalancer.subnets, [
      { subnetId: "subnet-a", ipv6Address: "2001:db8:0:1::9" },
      { subnetId: "subnet-b", ipv6Address: "2001:db8:0:2::9" },
    ]);
    const shouted = { ...DUAL, "ipv6-addresses": "2001:DB8:0:2:0::9, 2001:0DB8::1:0:0:0:9" };
    assert.deepEqual(stackOf(shouted).loadBalancer.subnets, stackOf(short).loadBalancer.subnets);
    const both = { ...DUAL, "ipv6-addresses": "2001:db8:0:2::9, 2001:db8:0:2::8" };
    assert.equal(refused(both), "expect one IPv6 address configured for subnet: subnet-a");
    const around = { subnets: [subnet("subnet-a", { public: false })] };
    const internal = { scheme: "internal", "private-ipv4-addresses": "10.0.0.9" };
    assert.deepEqual(stackOf(internal, { around }).loadBalancer.subnets, [
      { subnetId: "subnet-a", privateIpv4Address: "10.0.0.9" },
    ]);
    assert.equal(
      refused({ ...internal, "private-ipv4-addresses": "10.9.0.9" }, { around }),
      "expect one private IPv4 address configured for subnet: subnet-a",
    );
  });

  test("source NAT prefixes by position, inside the subnet's range", () => {
    const on = { ...DUAL, "enable-prefix-for-ipv6-source-nat": "on" };
    const prefixes = (text: string) => ({ ...on, "source-nat-ipv6-prefixes": text });
    assert.deepEqual(stackOf(prefixes("auto_assigned, 2001:db8:0:2:1::/80")).loadBalancer.subnets, [
      { subnetId: "subnet-a", sourceNatIpv6Prefix: "auto_assigned" },
      { subnetId: "subnet-b", sourceNatIpv6Prefix: "2001:db8:0:2:1::/80" },
    ]);
    assert.equal(
      refused(prefixes("auto_assigned")),
      "Number of values in source-nat-ipv6-prefixes (1) must match the number of subnets (2).",
    );
    assert.equal(
      refused(prefixes("2001:db8:0:2::/80, auto_assigned")),
      "Invalid value in source-nat-ipv6-prefixes: 2001:db8:0:2::/80. Value must be within subnet CIDR range: [2001:db8:0:1::/64].",
    );
  });
});

describe("security groups", () => {
  test("none, where the Service wants none", () => {
    const stack = stackOf({ ...PUBLIC, "disable-nlb-sg": "true" });
    assert.equal(stack.securityGroup, undefined);
    assert.equal(stack.loadBalancer.securityGroups, undefined);
    assert.equal(stack.manageBackendRules, false);
  });

  test("those named, which must exist in the VPC", () => {
    const group = (id: string, Name: string, vpcId = "vpc-1") => ({
      id,
      name: id,
      vpcId,
      inbound: [],
      tags: { Name },
    });
    const around = { securityGroups: [group("sg-1", "a"), group("sg-2", "b"), group("sg-3", "c", "vpc-2")] };
    const stack = stackOf({ ...PUBLIC, "security-groups": "b, sg-1, b" }, { around });
    assert.deepEqual(stack.loadBalancer.securityGroups, ["sg-1", "sg-2"]);
    assert.deepEqual([stack.securityGroup, stack.manageBackendRules], [undefined, false]);
    assert.equal(
      refused({ ...PUBLIC, "security-groups": "sg-1, sg-3, c, a" }, { around }),
      "couldn't find all security groups: requested ids [sg-1, sg-3] but found [sg-1], requested names [c, a] but found [a]",
    );
  });

  const rules = (short: Record<string, string>, spec: Partial<ServiceSpec> = {}) =>
    stackOf({ ...PUBLIC, ...short }, { spec }).securityGroup?.inbound.map(
      ({ protocol, fromPort, toPort, cidr, ipv6Cidr, prefixList }) =>
        `${protocol} ${fromPort}-${toPort} ${cidr ?? ipv6Cidr ?? prefixList}`,
    );

  test("our own: everybody of the balancer's families, ranges, or prefix lists alone", () => {
    assert.deepEqual(rules({}), ["tcp 80-80 0.0.0.0/0"]);
    assert.deepEqual(rules(DUAL), ["tcp 80-80 0.0.0.0/0", "tcp 80-80 ::/0"]);
    assert.deepEqual(rules({}, { loadBalancerSourceRanges: ["10.0.0.0/8"] }), ["tcp 80-80 10.0.0.0/8"]);
    assert.deepEqual(rules({ "security-group-prefix-lists": "pl-1" }), ["tcp 80-80 pl-1"]);
    assert.deepEqual(rules({ "security-group-prefix-lists": "" }), []);
    const both = { "security-group-prefix-lists": "pl-1", "/load-balancer-source-ranges": "10.0.0.0/8" };
    assert.deepEqual(rules(both), ["tcp 80-80 10.0.0.0/8", "tcp 80-80 pl-1"]);
    assert.deepEqual(rules({ ...DUAL, "enable-icmp-for-path-mtu-discovery": "on" }), [
      "tcp 80-80 0.0.0.0/0",
      "tcp 80-80 ::/0",
      "icmp 3-4 0.0.0.0/0",
      "icmpv6 2-0 ::/0",
    ]);
  });
});

describe("names and tags", () => {
  const names = (short: Record<string, string>, given: Given = {}) => {
    const { loadBalancer, targetGroups, securityGroup } = stackOf(short, given);
    return { balancer: loadBalancer.name, group: targetGroups[0]?.name, security: securityGroup?.name };
  };
  const changes = (short: Record<string, string>, given: Given = {}) => {
    const before = names(PUBLIC);
    const after = names({ ...PUBLIC, ...short }, given);
    return (["balancer", "group", "security"] as const).filter((key) => before[key] !== after[key]).join();
  };

  test("as the AWS controller's: readable, and not longer than AWS allows", () => {
    const service = balancerService(PUBLIC);
    service.metadata = { ...service.metadata, namespace: "team-of-ten", name: "a-very-long.name" };
    const { stack } = desiredStack(modelOf(service), surroundings(), NOTHING);
    for (const { name } of [stack!.loadBalancer, ...stack!.targetGroups, stack!.securityGroup!])
      assert.match(name, /^k8s-teamofte-averylon-[0-9a-f]{10}$/);
  });

  test("they change with what AWS cannot change, and with nothing else", () => {
    const nodePort = { ports: [{ name: "http", protocol: "TCP" as const, port: 80, nodePort: 30081 }] };
    assert.equal(changes({}), "");
    assert.equal(changes({ "proxy-protocol": "*", "healthcheck-interval": "30" }), "");
    assert.equal(changes({ "ip-address-type": "dualstack" }), "", "a dualstack balancer keeps IPv4 targets");
    assert.equal(
      changes({ scheme: "internal" }, { around: { subnets: [subnet("subnet-a", { public: false })] } }),
      "balancer",
    );
    assert.equal(changes({ "nlb-target-type": "ip" }), "group");
    assert.equal(changes({ "healthcheck-protocol": "http" }), "group");
    assert.equal(changes({}, { spec: nodePort }), "group");
    assert.equal(changes({ "ip-address-type": "dualstack" }, { spec: { ipFamilies: ["IPv6"] } }), "group");
    assert.equal(changes({}, { uid: "another" }), "balancer,group,security");
    assert.equal(changes({}, { around: { clusterName: "another" } }), "balancer,group,security");
  });

  test("parts that run into each other give different names", () => {
    const identity = {
      cluster: "c",
      uid: "u",
      backendUid: undefined,
      targetType: "instance",
      protocol: "TCP",
      ipAddressType: "ipv4",
      healthCheckProtocol: "TCP",
    };
    const service = { namespace: "n", name: "s" };
    const one = targetGroupName(service, { ...identity, port: 80, targetPort: 308 });
    assert.notEqual(one, targetGroupName(service, { ...identity, port: 8, targetPort: 3088 }));
    assert.match(
      backendGroupName("shoot--dev--web", "vpc-1"),
      /^tandem-traffic-shoot--dev--web-[0-9a-f]{10}$/,
    );
  });

  test("a name that was asked for, which the load balancer there is does not take on", () => {
    assert.equal(names({ ...PUBLIC, name: "edge" }).balancer, "edge");
    const { findings } = desired({ ...PUBLIC, name: "edge" }, { existing: existingOne() });
    assert.deepEqual(
      findings.map(({ level, message }) => [level, message]),
      [
        [
          "warning",
          "the load balancer keeps its name k8s-default-web-0123456789: names of AWS cannot be changed",
        ],
      ],
    );
  });

  test("tracking tags are on everything, and stronger than a user's", () => {
    const stack = stackOf({
      ...PUBLIC,
      "additional-resource-tags": "elbv2.k8s.aws/cluster=x,tandem.dev/service-uid=y,a=b",
    });
    const all = [stack.loadBalancer, ...stack.listeners, ...stack.targetGroups, stack.securityGroup!];
    const expected = {
      a: "b",
      "elbv2.k8s.aws/cluster": "shoot--dev--web",
      "service.k8s.aws/stack": "default/web",
      "tandem.dev/managed-by": "tandem",
      "tandem.dev/service-uid": "uid-web",
    };
    assert.deepEqual(
      all.map(({ tags: { "service.k8s.aws/resource": resource, ...tags } }) => {
        assert.deepEqual(tags, expected);
        return resource;
      }),
      ["LoadBalancer", "80", "default/web:80", "ManagedLBSecurityGroup"],
    );
  });
});

describe("scheme", () => {
  test("that asked for, else that of the load balancer there is, else internal", () => {
    const around = { subnets: [subnet("subnet-a", { public: false }), subnet("subnet-b")] };
    const scheme = (short: Record<string, string>, existing = NOTHING) =>
      stackOf(short, { around, existing }).loadBalancer.scheme;
    assert.equal(scheme({}), "internal");
    assert.equal(scheme({}, existingOne()), "internet-facing");
    assert.equal(scheme({ scheme: "internal" }, existingOne()), "internal");
    const tags = { "tandem.dev/generation": "1" };
    const newer = existingOne({ arn: "arn:2", scheme: "internal", tags, subnets: [] }).loadBalancers;
    const two = { ...NOTHING, loadBalancers: [...existingOne().loadBalancers, ...newer] };
    assert.equal(scheme({}, two), "internal", "the newest counts while another is replaced");
  });
});
