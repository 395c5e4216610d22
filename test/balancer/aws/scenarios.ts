/** What can happen to a Service, for tests that let every call to AWS go wrong in turn. */
import type { FakeAws } from "../fake-aws/fake.ts";
import { loadBalancerSpec, targetGroupSpec } from "../fake-aws/specs.ts";
import type { BareLoadBalancer } from "../../../src/balancer/aws/api.ts";
import { CLUSTER, HTTP, HTTPS, type LiveService, type TestPort, type TestService } from "./cluster.ts";

/** A way from one state to another. */
export interface Scenario {
  readonly name: string;
  /** The Service as it is settled before; undefined: there is none. */
  readonly before: TestService | undefined;
  /** What it becomes; `released`: it is deleted; `vanished`: it is gone, and nobody was asked to release it. */
  readonly after: TestService | "released" | "vanished";
  /** Ports of both that AWS cannot keep serving on the way. */
  readonly interrupted?: readonly number[];
  /** What is different about AWS and the Service at first. */
  readonly arrange?: (aws: FakeAws, live: LiveService) => void;
}

const BOTH: TestService = { ports: [HTTP, HTTPS] };
const DUALSTACK = { "ip-address-type": "dualstack" };
const SOURCE_NAT = { ...DUALSTACK, "enable-prefix-for-ipv6-source-nat": "on" };
const DNS: TestPort = { name: "dns", port: 53, nodePort: 30_053, protocol: "UDP" };
const TLS = {
  "ssl-cert":
    "arn:aws:acm:eu-west-1:123456789012:certificate/a, arn:aws:acm:eu-west-1:123456789012:certificate/b",
  "ssl-ports": "443",
};

/** Pods as targets over one family of two. */
function pods(family: "IPv4" | "IPv6", more: Readonly<Record<string, string>>): TestService {
  return {
    ports: [HTTP],
    annotations: { "nlb-target-type": "ip", "tandem.dev/target-family": family, ...more },
    spec: { ipFamilyPolicy: "PreferDualStack", ipFamilies: ["IPv4", "IPv6"] },
  };
}

function certificates(aws: FakeAws): void {
  aws.addCertificate("a");
  aws.addCertificate("b");
}

/** A load balancer of the in-tree provider, healthy, that the Service's status says. */
export function addPredecessor(aws: FakeAws, live: LiveService): BareLoadBalancer {
  const tags = { [`kubernetes.io/cluster/${CLUSTER}`]: "owned", "kubernetes.io/service-name": "default/web" };
  const { arn: group } = aws.now.createTargetGroup({ ...targetGroupSpec({ name: "old" }), tags });
  const balancer = aws.now.createLoadBalancer({ ...loadBalancerSpec({ name: "a1234" }), tags });
  aws.now.registerTargets(group, [{ id: "i-0aaaaaaaaaaaaaaa1", port: 30_080 }]);
  aws.now.createListener(balancer.arn, {
    port: 80,
    protocol: "TCP",
    forward: [{ targetGroup: group, weight: 1 }],
    certificates: [],
    sslPolicy: undefined,
    alpnPolicy: undefined,
    attributes: {},
    tags: {},
  });
  aws.clock.advance(120_000);
  live.ingress = [{ hostname: balancer.dnsName.toLowerCase() }];
  return balancer;
}

/** The scenarios of issue 8, and some more. */
export const SCENARIOS: readonly Scenario[] = [
  { name: "create", before: undefined, after: BOTH },
  {
    name: "create with all kinds of settings",
    before: undefined,
    arrange: certificates,
    after: {
      ...BOTH,
      annotations: {
        ...DUALSTACK,
        ...TLS,
        attributes: "load_balancing.cross_zone.enabled=true",
        "proxy-protocol": "*",
        "listener-attributes.TCP-80": "tcp.idle_timeout.seconds=400",
        "additional-resource-tags": "team=net",
        "inbound-sg-rules-on-private-link-traffic": "on",
        "minimum-load-balancer-capacity": "CapacityUnits=3000",
        "service.beta.kubernetes.io/load-balancer-source-ranges": "198.51.100.0/24, 2001:db8::/32",
      },
    },
  },
  {
    name: "change ports",
    before: BOTH,
    after: { ports: [HTTP, { name: "alt", port: 8443, nodePort: 30_443 }] },
  },
  { name: "a port goes, and with it the rules of the nodes", before: BOTH, after: { ports: [HTTP] } },
  { name: "ipv4 to dualstack", before: BOTH, after: { ...BOTH, annotations: DUALSTACK } },
  { name: "dualstack to ipv4", before: { ...BOTH, annotations: DUALSTACK }, after: BOTH },
  {
    name: "scheme change: replacement",
    before: { ports: [HTTP] },
    after: { ports: [HTTP], annotations: { scheme: "internal" } },
  },
  {
    name: "target group change: another node port",
    before: { ports: [HTTP] },
    after: { ports: [{ ...HTTP, nodePort: 30_081 }] },
  },
  {
    name: "TCP to TLS on the same port",
    arrange: certificates,
    before: BOTH,
    after: { ...BOTH, annotations: TLS },
  },
  {
    name: "target family change: IPv4 to IPv6",
    before: pods("IPv4", DUALSTACK),
    after: pods("IPv6", DUALSTACK),
  },
  {
    name: "dualstack with IPv6 targets to ipv4 with IPv4 targets",
    before: pods("IPv6", DUALSTACK),
    after: pods("IPv4", {}),
  },
  {
    name: "ipv4 with IPv4 targets to dualstack with IPv6 targets",
    before: pods("IPv4", {}),
    after: pods("IPv6", DUALSTACK),
  },
  {
    name: "dualstack with IPv6 targets to ipv4 with IPv4 targets and a new UDP port",
    before: pods("IPv6", DUALSTACK),
    after: { ...pods("IPv4", {}), ports: [HTTP, DNS] },
  },
  {
    name: "ipv4 with a UDP port to dualstack with a new port and IPv6 targets",
    before: { ...pods("IPv4", {}), ports: [HTTP, DNS] },
    after: { ...pods("IPv6", DUALSTACK), ports: [HTTP, HTTPS] },
  },
  {
    name: "a UDP port whose targets change their family with the address type",
    before: { ...pods("IPv4", {}), ports: [HTTP, DNS] },
    after: { ...pods("IPv6", SOURCE_NAT), ports: [HTTP, DNS] },
    interrupted: [DNS.port],
  },
  {
    name: "hand-over from the in-tree provider, the old one to be deleted",
    before: undefined,
    arrange: addPredecessor,
    after: { ports: [HTTP], annotations: { "tandem.dev/delete-old-load-balancer": "true" } },
  },
  { name: "delete", before: BOTH, after: "released" },
  { name: "delete orphans", before: BOTH, after: "vanished" },
];
