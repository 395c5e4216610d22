import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { judgeShoot, type KnownVpc, type Shoot } from "../../src/diagnosis/gardener/index.ts";
import type { Service } from "../../src/objects/types.ts";

interface Over {
  readonly ipFamilies?: readonly string[];
  readonly networking?: object;
  readonly infrastructure?: object;
  readonly networks?: object;
  readonly zone?: object;
  readonly controlPlane?: object;
}

/** A Shoot with both switches on, in a VPC that Gardener makes; tests change what they are about. */
function shoot(over: Over = {}): Shoot {
  const zone = {
    name: "eu-west-1a",
    internal: "10.250.1.0/24",
    public: "10.250.2.0/24",
    workers: "10.250.3.0/24",
    ...over.zone,
  };
  return {
    apiVersion: "core.gardener.cloud/v1beta1",
    kind: "Shoot",
    metadata: { name: "web", namespace: "garden-dev" },
    spec: {
      networking: {
        nodes: "10.250.0.0/16",
        pods: "100.96.0.0/11",
        services: "100.64.0.0/13",
        ...(over.ipFamilies && { ipFamilies: over.ipFamilies }),
        ...over.networking,
      },
      provider: {
        type: "aws",
        infrastructureConfig: {
          dualStack: { enabled: true },
          networks: { vpc: { cidr: "10.0.0.0/8" }, zones: [zone], ...over.networks },
          ...over.infrastructure,
        },
        controlPlaneConfig: { loadBalancerController: { enabled: true }, ...over.controlPlane },
      },
    },
  };
}

interface Around {
  readonly old?: Shoot;
  readonly vpc?: KnownVpc;
  readonly services?: readonly Service[];
}

function judge(given: Shoot, { old, vpc, services = [] }: Around = {}): string[] {
  return judgeShoot(given, { old, vpc, services }).map((it) => `${it.level} ${it.field}: ${it.message}`);
}

const OFF = { dualStack: { enabled: false } };
const NO_CONTROLLER = { loadBalancerController: { enabled: false } };
const EXISTING = { vpc: { id: "vpc-0123abc" } };

// the cases of pkg/apis/aws/validation/infrastructure_test.go
const REFUSED: Record<string, { given: Shoot; errors: readonly string[] }> = {
  "no VPC": {
    given: shoot({ networks: { vpc: {} } }),
    errors: ["networks.vpc: Invalid value: {}: must specify either a vpc id or a cidr"],
  },
  "VPC twice": {
    given: shoot({ networks: { vpc: { id: "vpc-1", cidr: "10.0.0.0/8" } } }),
    errors: [
      'networks.vpc: Invalid value: {"id":"vpc-1","cidr":"10.0.0.0/8"}: cannot specify both vpc id and cidr',
    ],
  },
  "an id that is none": {
    given: shoot({ networks: { vpc: { id: "VPC-1" } } }),
    errors: ['networks.vpc.id: Invalid value: "VPC-1": does not match expected regex ^vpc-[a-z0-9]+$'],
  },
  "no zones": {
    given: shoot({ networks: { zones: [] } }),
    errors: ["networks.zones: Required value: must specify at least the networks for one zone"],
  },
  "a range that is none": {
    given: shoot({ zone: { workers: "invalid-cidr" } }),
    errors: ['networks.zones[0].workers: Invalid value: "invalid-cidr": invalid CIDR address: invalid-cidr'],
  },
  "a range outside of the VPC": {
    given: shoot({ zone: { internal: "1.1.1.1/32" } }),
    errors: [
      'networks.zones[0].internal: Invalid value: "1.1.1.1/32": must be a subset of "networks.vpc.cidr" ("10.0.0.0/8")',
    ],
  },
  "workers outside of nodes and VPC": {
    given: shoot({ zone: { workers: "1.1.1.1/32" } }),
    errors: [
      'networks.zones[0].workers: Invalid value: "1.1.1.1/32": must be a subset of "networking.nodes" ("10.250.0.0/16")',
      'networks.zones[0].workers: Invalid value: "1.1.1.1/32": must be a subset of "networks.vpc.cidr" ("10.0.0.0/8")',
    ],
  },
  "pods in the VPC": {
    given: shoot({ networking: { pods: "10.0.0.1/32" } }),
    errors: [
      'networking.pods: Invalid value: "10.0.0.1/32": must not overlap with "networks.vpc.cidr" ("10.0.0.0/8")',
    ],
  },
  "ranges that overlap": {
    given: shoot({
      networking: { nodes: "10.250.0.1/32" },
      zone: { internal: "10.250.0.1/32", public: "10.250.0.1/32", workers: "10.250.0.1/32" },
    }),
    errors: [
      'networks.zones[0].internal: Invalid value: "10.250.0.1/32": must not overlap with "networks.zones[0].public" ("10.250.0.1/32")',
      'networks.zones[0].workers: Invalid value: "10.250.0.1/32": must not overlap with "networks.zones[0].public" ("10.250.0.1/32")',
      'networks.zones[0].workers: Invalid value: "10.250.0.1/32": must not overlap with "networks.zones[0].internal" ("10.250.0.1/32")',
    ],
  },
  "ranges with host bits": {
    given: shoot({
      networks: {
        vpc: { cidr: "10.0.0.3/8" },
        zones: [{ name: "a", public: "10.250.2.7/24", internal: "10.250.1.6/24", workers: "10.250.3.8/24" }],
      },
    }),
    errors: [
      'networks.zones[0].public: Invalid value: "10.250.2.7/24": must be valid canonical CIDR',
      'networks.zones[0].internal: Invalid value: "10.250.1.6/24": must be valid canonical CIDR',
      'networks.zones[0].workers: Invalid value: "10.250.3.8/24": must be valid canonical CIDR',
      'networks.vpc.cidr: Invalid value: "10.0.0.3/8": must be valid canonical CIDR',
    ],
  },
  "a pool without a /56, and without IPv6": {
    given: shoot({ networks: { vpc: { cidr: "10.0.0.0/8", ipv6IpamPool: { cidrBlock: "2001:db8::/48" } } } }),
    errors: [
      "cidrBlock requires an IPv6 IP family",
      "cidrBlock requires ipv6IpamPool.id to be set",
      "cidrBlock must be a /56",
    ].map((why) => `networks.vpc.ipv6IpamPool.cidrBlock: Invalid value: "2001:db8::/48": ${why}`),
  },
  "no workers": {
    given: shoot({ networks: { zones: [{ name: "a" }] } }),
    errors: [
      "networks.zones: Required value: each zone must specify either workers (CIDR) or workersSubnetID",
      "networks.zones[0]: Required value: must specify either workers (CIDR) or workersSubnetID",
    ],
  },
  "subnets of the user in a VPC of Gardener's": {
    given: shoot({ networks: { zones: [{ name: "a", workersSubnetID: "subnet-1" }] } }),
    errors: [
      "networks.zones[0].workersSubnetID: Forbidden: subnet ID references require VPC.ID to be set (existing VPC)",
    ],
  },
  "two zones of one name": {
    given: shoot({
      networks: {
        zones: [
          { name: "a", workers: "10.250.3.0/24" },
          { name: "a", workers: "10.250.4.0/24" },
        ],
      },
    }),
    errors: ['networks.zones[1].name: Duplicate value: "a"'],
  },
  "an ingress class that is no name": {
    given: shoot({ controlPlane: { loadBalancerController: { enabled: true, ingressClassName: "A_b" } } }),
    errors: [
      'loadBalancerController.ingressClassName: Invalid value: "A_b": does not match expected regex ^[a-z0-9.-]+$',
    ],
  },
  "another shape": {
    given: shoot({ infrastructure: { dualStack: { enabled: "yes" } } }),
    errors: [
      'spec.provider.infrastructureConfig.dualStack.enabled: Invalid value: "yes": must be true or false',
    ],
  },
};

describe("what Gardener refuses", () => {
  for (const [name, { given, errors }] of Object.entries(REFUSED))
    test(name, () => {
      const found = judgeShoot(given, { old: undefined, vpc: undefined, services: [] });
      const refused = found.filter(({ by, level }) => by === "gardener" && level === "error");
      assert.deepEqual(
        refused.map(({ field, message }) => `${field}: ${message}`),
        errors,
      );
      assert.ok(refused.every(({ object }) => object === "Shoot garden-dev/web"));
    });

  test("nothing, of a Shoot that is in order", () => {
    assert.deepEqual(judge(shoot()), []);
    assert.deepEqual(judge(shoot({ networks: { vpc: { id: null, cidr: "10.0.0.0/8" } } })), []);
  });
});

describe("changes of a Shoot", () => {
  const change = (old: Over, now: Over) =>
    judge(shoot(now), { old: shoot(old) }).filter((line) => line.startsWith("error"));

  test("dual stack goes one way", () => {
    const message = `error dualStack.enabled: Forbidden: field can't be changed from "true" to "false"`;
    assert.deepEqual(change({}, { infrastructure: OFF }), [message]);
    assert.deepEqual(change({}, { infrastructure: { dualStack: undefined } }), [message]);
    assert.deepEqual(change({ infrastructure: OFF }, {}), []);
    const there = judge(shoot(), { old: shoot({ infrastructure: OFF }) });
    assert.deepEqual(there, [
      "note dualStack.enabled: this switch goes one way: it cannot be set back to false",
    ]);
  });

  test("the VPC and zones stay", () => {
    assert.deepEqual(change({}, { networks: { vpc: { cidr: "10.128.0.0/9" } } }), [
      'error networks.vpc.cidr: Invalid value: "10.128.0.0/9": field is immutable',
    ]);
    const zones = [{ name: "a", workers: "10.250.3.0/24" }];
    const two = [...zones, { name: "b", workers: "10.250.4.0/24" }];
    assert.deepEqual(change({ networks: { zones: two } }, { networks: { zones } }), [
      "error networks.zones: Forbidden: removing zones is not allowed",
    ]);
    assert.deepEqual(change({ networks: { zones } }, { networks: { zones: two } }), []);
    assert.deepEqual(change({ networks: { zones } }, { zone: { name: "c", workers: "10.250.3.0/24" } }), [
      'error networks.zones[0].name: Invalid value: "c": field is immutable',
    ]);
  });

  test("a controller that is switched off leaves finalizers behind", () => {
    const found = judge(shoot({ controlPlane: NO_CONTROLLER }), { old: shoot() });
    assert.match(
      found.join("\n"),
      /^warning loadBalancerController.enabled: Services .* deleting them hangs/m,
    );
  });
});

describe("what dual-stack load balancers need", () => {
  const first = (over: Over, around: Around = {}) => judge(shoot(over), around)[0] ?? "nothing";

  test("both switches", () => {
    assert.match(
      first({ controlPlane: NO_CONTROLLER }),
      /^warning loadBalancerController.enabled: the VPC gets IPv6/,
    );
    assert.match(
      first({ infrastructure: OFF }),
      /^warning dualStack.enabled: the load balancer controller runs/,
    );
    const neither = { infrastructure: OFF, controlPlane: NO_CONTROLLER };
    assert.match(first(neither), /^warning dualStack.enabled: clients with IPv6 only cannot reach/);
    assert.equal(
      first({ ...neither, ipFamilies: ["IPv4", "IPv6"] }),
      "nothing",
      "Gardener switches it on itself",
    );
  });

  test("an IPv6 range of a VPC that exists already", () => {
    const unseen = /^note networks.vpc.id: whether VPC vpc-0123abc has .* cannot be seen from the Shoot/;
    assert.match(first({ networks: EXISTING }), unseen);
    const other = first({ networks: EXISTING }, { vpc: { id: "vpc-9", ipv6Cidrs: [] } });
    assert.match(other, unseen);
    assert.match(other, /\(what is given tells of VPC vpc-9\)/);
    assert.equal(
      first({ networks: EXISTING }, { vpc: { id: "vpc-0123abc", ipv6Cidrs: [] } }),
      'error networks.vpc.id: Invalid value: "vpc-0123abc": VPC vpc-0123abc has no ipv6 CIDR',
    );
    assert.equal(
      first({ networks: EXISTING }, { vpc: { id: undefined, ipv6Cidrs: ["2001:db8::/56"] } }),
      "nothing",
    );
  });

  test("fields that are nearly others, which Gardener refuses; what is near to none may be new", () => {
    const over = {
      infrastructure: { dualstack: { enabled: true }, dualStack: { enable: true }, brandNew: {} },
      networks: { vpc: { id: "vpc-1", ipv6IpampPool: {} } },
      controlPlane: { loadBalancerControler: { enabled: true } },
    };
    const found = judgeShoot(shoot(over), { old: undefined, vpc: undefined, services: [] });
    const misspelt = found.filter(({ message }) => message.startsWith("strict decoding"));
    assert.deepEqual(
      misspelt.map(({ level, by, message, next }) => `${level} ${by} ${message}; ${next}`),
      [
        'error gardener strict decoding error: unknown field "dualstack"; write dualStack',
        'error gardener strict decoding error: unknown field "dualStack.enable"; write enabled',
        'error gardener strict decoding error: unknown field "networks.vpc.ipv6IpampPool"; write ipv6IpamPool',
        'error gardener strict decoding error: unknown field "loadBalancerControler"; write loadBalancerController',
      ],
    );
  });

  test("IPv6 ranges of subnets that the user made", () => {
    const zones = [{ name: "a", workersSubnetID: "subnet-1" }];
    const vpc = { id: undefined, ipv6Cidrs: ["2001:db8::/56"] };
    assert.match(
      first({ networks: { ...EXISTING, zones } }, { vpc }),
      /^note networks.zones: whether the subnets/,
    );
  });

  test("another provider is not judged", () => {
    const given = shoot();
    const other = { ...given, spec: { ...given.spec, provider: { type: "gcp" } } };
    assert.deepEqual(judge(other), [
      'note spec.provider.type: its load balancers are not judged: Tandem knows provider aws, and this one is "gcp"',
    ]);
  });
});

describe("Services of a Shoot", () => {
  const AWS = "service.beta.kubernetes.io/aws-load-balancer-";
  const SEED = {
    "ip-address-type": "dualstack",
    scheme: "internet-facing",
    "nlb-target-type": "instance",
    type: "external",
  };
  const service = (short: Record<string, string>, spec = {}): Service => ({
    apiVersion: "v1",
    kind: "Service",
    metadata: {
      name: "web",
      annotations: Object.fromEntries(Object.entries(short).map(([key, value]) => [AWS + key, value])),
    },
    spec: { type: "LoadBalancer", ports: [{ protocol: "TCP", port: 80 }], ...spec },
  });
  const of = (given: Service, over: Over = {}) =>
    judgeShoot(shoot(over), { old: undefined, vpc: undefined, services: [given] })
      .filter(({ object }) => object === "Service default/web")
      .map(({ level, message }) => `${level}: ${message}`);

  test("the seed's Service in the seed's Shoot", () => {
    assert.deepEqual(of(service(SEED)), []);
  });

  test("without the switches it fails, and says which", () => {
    assert.deepEqual(of(service(SEED), { infrastructure: OFF }), [
      "error: the Shoot lacks dualStack.enabled: its subnets have no IPv6 ranges, and the load balancer cannot be made",
    ]);
    assert.deepEqual(of(service(SEED), { controlPlane: NO_CONTROLLER }), [
      "error: nobody serves this Service: the Shoot's load balancer controller is off",
    ]);
    const zones = [{ name: "a", workersSubnetID: "subnet-1" }];
    assert.match(
      of(service(SEED), { infrastructure: { ...OFF, networks: { ...EXISTING, zones } } }).join(),
      /^warning: the Shoot lacks dualStack.enabled: it depends on your subnets/,
    );
  });

  test("what the in-tree controller does not read, and what Gardener does not support", () => {
    assert.match(
      of(service({ "ip-address-type": "dualstack" })).join(),
      /^warning: the in-tree controller serves/,
    );
    assert.deepEqual(of(service({ ...SEED, "nlb-target-type": "ip" })), [
      "error: Gardener supports instance targets only",
    ]);
    assert.match(
      of(service({ ...SEED, "ip-address-type": "DualStack" })).join(),
      /^error: unknown IPAddressType/,
    );
    assert.deepEqual(of(service({}, { type: "ClusterIP" })), []);
  });

  test("the class of Gardener's controller", () => {
    const classed = service({}, { loadBalancerClass: "service.k8s.aws/nlb" });
    assert.match(of(classed, { controlPlane: NO_CONTROLLER }).join(), /^error: nobody serves/);
    assert.deepEqual(of(classed), []);
  });

  test("a cluster with IPv6 makes Services dual-stack by itself, unless told not to", () => {
    const both = { ipFamilies: ["IPv4", "IPv6"] };
    assert.match(
      of(service({}), both).join(),
      /^note: the cluster has IPv6: Gardener makes new Services dual-stack/,
    );
    const told = service({});
    told.metadata.annotations = { "extensions.gardener.cloud/ignore-load-balancer": "true" };
    assert.deepEqual(of(told, both), []);
    assert.deepEqual(of(service({ internal: "true" }), both), []);
  });
});

test("whatever stands in a Shoot, it is judged without a crash", () => {
  const anything = fc.anything({ maxDepth: 3, withNullPrototype: false });
  const over = fc.record(
    {
      networking: fc.object(),
      infrastructure: fc.record({ dualStack: anything, networks: anything }, { requiredKeys: [] }),
      networks: fc.record(
        { vpc: anything, zones: fc.oneof(anything, fc.array(anything)) },
        { requiredKeys: [] },
      ),
      zone: fc.record({ name: anything, workers: anything, public: anything }, { requiredKeys: [] }),
      controlPlane: fc.record({ loadBalancerController: anything }, { requiredKeys: [] }),
    },
    { requiredKeys: [] },
  );
  fc.assert(
    fc.property(over, over, (now, old) => {
      for (const line of judge(shoot(now), { old: shoot(old) })) assert.equal(typeof line, "string");
    }),
    { numRuns: 500 },
  );
});
