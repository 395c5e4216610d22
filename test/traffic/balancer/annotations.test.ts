import assert from "node:assert/strict";
import { test } from "node:test";
import type { ServiceSpec } from "../../../src/objects/types.ts";
import type { BalancerFlags } from "../../../src/traffic/balancer/index.ts";
import { ALL_ANNOTATIONS } from "../../../src/traffic/balancer/index.ts";
import { AWS, balancerService, remarks, translate } from "./fixtures.ts";

interface Case {
  readonly given: Readonly<Record<string, string>>;
  readonly spec?: Partial<ServiceSpec>;
  readonly flags?: BalancerFlags;
  /** The only errors. */
  readonly errors: readonly string[];
}

const UDP = [{ name: "dns", protocol: "UDP" as const, port: 53, targetPort: 53, nodePort: 30053 }];
const LOCAL = { externalTrafficPolicy: "Local" as const, healthCheckNodePort: 32000 };
const bool = (key: string) =>
  `failed to parse bool annotation, ${AWS}${key}: maybe: strconv.ParseBool: parsing "maybe": invalid syntax`;
const int = (key: string) =>
  `failed to parse int32 annotation, ${AWS}${key}: ten: strconv.ParseInt: parsing "ten": invalid syntax`;
const map = (key: string) => `failed to parse stringMap annotation, ${AWS}${key}: x`;
const range = (key: string, text: string, from: number, to: number) => ({
  given: { [key]: text },
  errors: [`${text} is out of range: from ${from} to ${to}`],
});
const action = (json: string, why: string) => ({ given: { "/actions.TCP-80": json }, errors: [why] });
const tuple = (fields: string) => `{"type":"forward","forwardConfig":{"targetGroups":[${fields}]}}`;
const sticky = (enabled: string) =>
  `{"type":"forward","forwardConfig":{"targetGroups":[],"targetGroupStickinessConfig":{"enabled":${enabled}}}}`;

/** The words are those of the AWS Load Balancer Controller v3.5 where it has any. */
const CASES: readonly Case[] = [
  { given: { "nlb-target-type": "pod" }, errors: ["unknown target type pod"] },
  {
    given: { "nlb-target-type": "ip" },
    flags: { enableIpTargetType: false },
    errors: ["unsupported targetType: ip when EnableIPTargetType is false"],
  },
  {
    given: {},
    spec: {
      allocateLoadBalancerNodePorts: false,
      ports: [{ protocol: "TCP", port: 80 }],
    },
    errors: ["unable to support instance target type with an unallocated NodePort"],
  },
  {
    given: {},
    spec: { ports: [{ protocol: "TCP", port: 80 }] },
    errors: [
      "TargetGroup port is empty. When using Instance targets, your service be must of type 'NodePort' or 'LoadBalancer'",
    ],
  },
  { given: { "ip-address-type": "DualStack" }, errors: ["unknown IPAddressType: DualStack"] },
  { given: { "ip-address-type": "dualstack " }, errors: ["unknown IPAddressType: dualstack "] },
  {
    given: { "ip-address-type": "dualstack-without-public-ipv4" },
    errors: ["unknown IPAddressType: dualstack-without-public-ipv4"],
  },
  {
    given: {},
    spec: { ipFamilies: ["IPv6"] },
    errors: ["unsupported IPv6 configuration, lb not dual-stack"],
  },
  { given: { scheme: "public" }, errors: ["unknown scheme: public"] },
  { given: { internal: "maybe" }, errors: [bool("internal")] },
  { given: { internal: "maybe", scheme: "internal" }, errors: [] },
  {
    given: { name: "a-name-that-is-longer-than-it-may-be" },
    errors: ["load balancer name cannot be longer than 32 characters"],
  },
  { given: { name: "web_1" }, errors: ["web_1 has characters that AWS has not in names of load balancers"] },
  { given: { name: "-web" }, errors: ["-web has characters that AWS has not in names of load balancers"] },
  { given: { name: "internal-web" }, errors: ["names that start with internal- are AWS's own"] },
  {
    given: { "eip-allocations": "eipalloc-1", scheme: "internal" },
    errors: ["EIP allocations can only be set for internet facing load balancers"],
  },
  {
    given: { "private-ipv4-addresses": "10.0.0.9", scheme: "internet-facing" },
    errors: ["private IPv4 addresses can only be set for internal load balancers"],
  },
  {
    given: { "private-ipv4-addresses": "10.0.0.300" },
    errors: ["private IPv4 addresses must be valid IP address: 10.0.0.300"],
  },
  {
    given: { "private-ipv4-addresses": "2001:db8::1" },
    errors: ["private IPv4 addresses must be valid IPv4 address: 2001:db8::1"],
  },
  {
    given: { "eip-allocations": "eipalloc-1", scheme: "internet-facing", subnets: "subnet-a,subnet-b" },
    errors: ["count of EIP allocations (1) and subnets (2) must match"],
  },
  {
    given: { "healthcheck-protocol": "HTTP", "healthcheck-success-codes": "2xx" },
    errors: ["2xx are no status codes from 200 to 599"],
  },
  {
    given: { "ipv6-addresses": "2001:db8::1" },
    errors: ["IPv6 addresses can only be set for dualstack load balancers"],
  },
  {
    given: { "ipv6-addresses": "10.0.0.1", "ip-address-type": "dualstack" },
    errors: ["IPv6 addresses must be valid IPv6 address: 10.0.0.1"],
  },
  {
    given: { "enable-prefix-for-ipv6-source-nat": "yes" },
    errors: ["Invalid enable-prefix-for-ipv6-source-nat value: yes. Valid values are ['on', 'off']."],
  },
  {
    given: { "enable-prefix-for-ipv6-source-nat": "on" },
    errors: [
      "enable-prefix-for-ipv6-source-nat annotation is only applicable to Network Load Balancers using Dualstack IP address type.",
    ],
  },
  {
    given: { "source-nat-ipv6-prefixes": "auto_assigned" },
    errors: [
      "source-nat-ipv6-prefixes annotation can only be set for Network Load Balancers using Dualstack IP address type.",
    ],
  },
  {
    given: { "source-nat-ipv6-prefixes": "auto_assigned", "ip-address-type": "dualstack" },
    errors: [
      "source-nat-ipv6-prefixes annotation is only applicable if enable-prefix-for-ipv6-source-nat annotation is set to on.",
    ],
  },
  {
    given: {
      "source-nat-ipv6-prefixes": "2001:db8::/64, x, 10.0.0.0/80",
      "ip-address-type": "dualstack",
      "enable-prefix-for-ipv6-source-nat": "on",
    },
    errors: [
      "Invalid value in source-nat-ipv6-prefixes: 2001:db8::/64. Prefix length must be 80, but 64 is specified.",
      "Invalid value in source-nat-ipv6-prefixes: x.",
      "Invalid value in source-nat-ipv6-prefixes: 10.0.0.0/80. Value must be a valid IPv6 CIDR.",
    ],
  },
  {
    given: { "proxy-protocol": "v2" },
    errors: [
      "invalid value v2 for Load Balancer proxy protocol v2 annotation, only value currently supported is *",
    ],
  },
  {
    given: { "proxy-protocol-per-target-group": "80, http" },
    errors: ["invalid port number in proxy-protocol-per-target-group: http"],
  },
  { given: { "tandem.dev/proxy-protocol": "v3" }, errors: ["unknown version of the PROXY protocol: v3"] },
  {
    given: { "tandem.dev/proxy-protocol": "v1" },
    errors: ["AWS speaks version 2 of the PROXY protocol only"],
  },
  { given: { "target-group-attributes": "x" }, errors: [map("target-group-attributes")] },
  {
    given: { "target-group-attributes.80": "preserve_client_ip.enabled=maybe" },
    errors: [
      'failed to parse attribute preserve_client_ip.enabled=maybe: strconv.ParseBool: parsing "maybe": invalid syntax',
    ],
  },
  { given: { attributes: "x" }, errors: [map("attributes")] },
  {
    given: { attributes: "dns_record.client_routing_policy=near" },
    errors: [
      "invalid dns_record.client_routing_policy set in annotation aws-load-balancer-attributes: got 'near' expected one of ['any_availability_zone', 'partial_availability_zone_affinity', 'availability_zone_affinity']",
    ],
  },
  {
    given: { attributes: "deletion_protection.enabled=maybe" },
    errors: ['deletion_protection.enabled=maybe: strconv.ParseBool: parsing "maybe": invalid syntax'],
  },
  { given: { "listener-attributes.TCP-80": "x" }, errors: [map("listener-attributes.TCP-80")] },
  { given: { "healthcheck-protocol": "grpc" }, errors: ["unsupported health check protocol grpc"] },
  {
    given: { "healthcheck-port": "metrics" },
    errors: ["failed to resolve healthCheckPort: unable to find port metrics on service default/web"],
  },
  { given: { "healthcheck-port": "70000" }, errors: ["health check port 70000 is no port"] },
  {
    given: { "healthcheck-port": "http", "nlb-target-type": "ip" },
    spec: { ports: [{ name: "http", protocol: "TCP", port: 80, targetPort: "web" }] },
    errors: ["cannot use named healthCheckPort for IP TargetType when service's targetPort is a named port"],
  },
  { given: { "healthcheck-interval": "ten" }, errors: [int("healthcheck-interval")] },
  { given: { "healthcheck-timeout": "ten" }, errors: [int("healthcheck-timeout")] },
  { given: { "healthcheck-healthy-threshold": "ten" }, errors: [int("healthcheck-healthy-threshold")] },
  { given: { "healthcheck-unhealthy-threshold": "ten" }, errors: [int("healthcheck-unhealthy-threshold")] },
  range("healthcheck-interval", "301", 5, 300),
  range("healthcheck-timeout", "1", 2, 120),
  range("healthcheck-healthy-threshold", "1", 2, 10),
  range("healthcheck-unhealthy-threshold", "11", 2, 10),
  {
    given: { "healthcheck-interval": "5", "healthcheck-timeout": "6" },
    errors: ["a probe may take 6 s, but the next one comes after 5 s"],
  },
  { given: { "healthcheck-interval": "5" }, errors: [] },
  {
    given: { "ssl-cert": "arn:aws:acm:x", "ssl-ports": "*" },
    errors: ["Unused port in ssl-ports annotation [*]"],
  },
  {
    given: { "ssl-cert": "arn:aws:acm:x", "ssl-ports": "https, 80, 8443" },
    errors: ["Unused port in ssl-ports annotation [https 8443]"],
  },
  { given: { "ssl-ports": "80" }, errors: ["TLS ports without a certificate would be served as plain TCP"] },
  { given: { "ssl-cert": "web-tls" }, errors: ["web-tls is no ARN"] },
  {
    given: { "ssl-cert": "arn:aws:acm:x", "alpn-policy": "h2" },
    errors: [
      "invalid ALPN policy h2, policy must be one of [None, HTTP1Only, HTTP2Only, HTTP2Optional, HTTP2Preferred]",
    ],
  },
  { given: { "alpn-policy": "h2" }, errors: [] },
  {
    given: { "manage-backend-security-group-rules": "maybe" },
    errors: [bool("manage-backend-security-group-rules")],
  },
  {
    given: { "security-groups": "sg-1", "manage-backend-security-group-rules": "true" },
    flags: { enableBackendSecurityGroup: false },
    errors: [
      "backendSG feature is required to manage worker node SG rules when frontendSG is manually specified",
    ],
  },
  { given: { "disable-nlb-sg": "maybe" }, errors: [bool("disable-nlb-sg")] },
  {
    given: { "inbound-sg-rules-on-private-link-traffic": "yes" },
    errors: [
      "Invalid value for securityGroupsInboundRulesOnPrivateLink status: yes, value must be one of [on, off]",
    ],
  },
  { given: { "additional-resource-tags": "x" }, errors: [map("additional-resource-tags")] },
  {
    given: { "additional-resource-tags": "team=a" },
    flags: { externalManagedTags: ["team"] },
    errors: ["external managed tag key team cannot be specified on Service"],
  },
  { given: { "additional-resource-tags": "aws:x=a" }, errors: ["tag key aws:x is AWS's own"] },
  { given: { "target-node-labels": "x" }, errors: [map("target-node-labels")] },
  { given: { "enable-tcp-udp-listener": "maybe" }, errors: [bool("enable-tcp-udp-listener")] },
  {
    given: { "enable-tcp-udp-listener": "true" },
    spec: {
      ports: [
        { name: "a", protocol: "TCP", port: 53, nodePort: 30053 },
        { name: "b", protocol: "TCP", port: 53, nodePort: 30054 },
      ],
    },
    errors: ["protocols can't match for merging: TCP"],
  },
  {
    given: {},
    spec: {
      ports: [
        { name: "a", protocol: "TCP", port: 53, nodePort: 30053 },
        { name: "b", protocol: "UDP", port: 53, nodePort: 30053 },
      ],
    },
    errors: ["port 53 is there twice; AWS has one listener a number"],
  },
  {
    given: { "enable-tcp-udp-listener": "true" },
    spec: {
      ports: [
        { name: "a", protocol: "TCP", port: 53, nodePort: 30053 },
        { name: "b", protocol: "UDP", port: 53, nodePort: 30054 },
      ],
    },
    errors: ["TCP and UDP port 53 are one listener, but have node ports 30053 and 30054"],
  },
  { given: { "quic-enabled-ports": "80" }, errors: ["Unsupported QUIC upgrade for protocol TCP"] },
  { given: { "multi-cluster-target-group": "maybe" }, errors: [bool("multi-cluster-target-group")] },
  {
    given: { "minimum-load-balancer-capacity": "Units=5" },
    errors: ["invalid key to set the capacity: Units, Expected key: CapacityUnits"],
  },
  {
    given: { "minimum-load-balancer-capacity": "CapacityUnits=many" },
    errors: ['invalid value to set the capacity: many: strconv.ParseInt: parsing "many": invalid syntax'],
  },
  {
    given: { "minimum-load-balancer-capacity": "CapacityUnits=-1" },
    errors: ["invalid value to set the capacity: -1 is below 0"],
  },
  { given: { "access-log-enabled": "maybe" }, errors: [bool("access-log-enabled")] },
  {
    given: { "cross-zone-load-balancing-enabled": "maybe" },
    errors: [bool("cross-zone-load-balancing-enabled")],
  },
  {
    given: { "/load-balancer-source-ranges": "2001:db8::/32" },
    errors: ["unsupported v6 cidr 2001:db8::/32 when lb is not dualstack"],
  },
  { given: { "/load-balancer-source-ranges": "10.0.0.0" }, errors: ["10.0.0.0 is no CIDR"] },
  action('{"type":"redirect"}', "unknown action type: redirect"),
  action(
    tuple("{}"),
    "invalid ForwardConfig: invalid TargetGroupTuple: precisely one of targetGroupARN and serviceName can be specified",
  ),
  action(
    tuple('{"serviceName":"b"}'),
    "invalid ForwardConfig: invalid TargetGroupTuple: missing servicePort",
  ),
  action(
    tuple('{"targetGroupARN":"arn:1","weight":1000}'),
    "invalid ForwardConfig: invalid TargetGroupTuple: target group weight must be between 0 and 999",
  ),
  action(
    tuple('{"targetGroupARN":"arn:1","weight":1},{"targetGroupARN":"arn:2"}'),
    "invalid ForwardConfig: weight must be set when routing to multiple target groups",
  ),
  action(tuple('{"serviceName":"b","servicePort":80}'), 'services "b" not found'),
  action(sticky('"yes"'), "targetGroupStickinessConfig.enabled is neither true nor false"),
  {
    given: {
      "/actions.TCP-80": sticky("false"),
      "target-group-attributes.80": "stickiness.enabled=true",
    },
    errors: ["targetGroupStickinessConfig must be enabled where target groups have stickiness.enabled=true"],
  },
  {
    given: { "/actions.TCP-80": sticky("true"), "target-group-attributes": "stickiness.enabled=true" },
    errors: [],
  },
  {
    given: { "/actions.TLS-80": sticky("true"), "ssl-cert": "arn:aws:acm:eu-west-1:1:certificate/x" },
    errors: [
      "targetGroupStickinessConfig cannot be enabled: AWS has no stickiness between groups for TLS listeners",
    ],
  },
  { given: { "tandem.dev/target-family": "ipv6" }, errors: ["unknown family: ipv6"] },
  {
    given: { "tandem.dev/target-family": "IPv6" },
    errors: ["the Service has no IPv6: its ipFamilies are IPv4"],
  },
  {
    given: {},
    spec: { ports: [{ protocol: "SCTP", port: 80 }] },
    errors: ["no load balancer carries SCTP", "a load balancer needs a port"],
  },
  {
    given: { "tandem.dev/replacement-grace-period": "soon" },
    errors: ["soon is no duration: a number and s, m or h"],
  },
  // and what is fine
  { given: { "tandem.dev/replacement-grace-period": "90s" }, errors: [] },
  { given: { "healthcheck-protocol": "Https" }, errors: [] },
  { given: {}, spec: { ...LOCAL }, errors: [] },
  {
    given: { "quic-enabled-ports": "dns" },
    spec: { ports: UDP },
    errors: [
      "port dns cannot be QUIC: AWS wants a server id (QuicServerId) of every target, and Tandem registers targets without",
    ],
  },
];

for (const { given, spec, flags, errors } of CASES)
  test(`annotations ${JSON.stringify({ ...given, ...spec, ...flags }).slice(0, 150)}`, () => {
    const translated = translate(balancerService(given, spec), { flags });
    const found = translated.findings.filter(({ level }) => level === "error");
    assert.deepEqual(
      found.map(({ message }) => message),
      errors,
    );
    assert.equal(translated.model === undefined, errors.length > 0, "a model is there without errors only");
    for (const { next, field } of found) {
      assert.ok(next, "every error says what to do");
      assert.match(field, /^(metadata\.annotations\[|spec)/);
    }
  });

test("JSON that is none is refused with the controller's words before the parser's", () => {
  const [remark] = remarks(translate(balancerService({ "/actions.TCP-80": "{" })));
  const key = "service.beta.kubernetes.io/actions.TCP-80";
  assert.ok(remark?.startsWith(`error: failed to parse json annotation, ${key}: {: `), remark);
});

test("every annotation of the table is in a case above, or here: it has nothing that could be refused", () => {
  const free = [
    "type",
    "subnets",
    "healthcheck-path",
    "ssl-negotiation-policy",
    "backend-protocol",
    "security-group-prefix-lists",
    "enable-icmp-for-path-mtu-discovery",
    "access-log-s3-bucket-name",
    "access-log-s3-bucket-prefix",
  ].map((name) => AWS + name);
  const others = [
    "address-pool",
    "load-balancer-ips",
    "allow-shared-ip",
    "proxy-protocol-tlvs",
    "delete-old-load-balancer",
  ].map((name) => `tandem.dev/${name}`);
  const gardener = [
    "dns.gardener.cloud/ignore",
    "extensions.gardener.cloud/ignore-load-balancer",
    "gardener.cloud/old-load-balancer-name",
  ];
  const keys = CASES.flatMap(({ given }) => Object.keys(balancerService(given).metadata.annotations ?? {}));
  const seen = [...keys, ...free, ...others, ...gardener];
  const missing = ALL_ANNOTATIONS.filter(({ key, suffix }) =>
    suffix === undefined ? !seen.includes(key) : !seen.some((it) => it.startsWith(key)),
  );
  assert.deepEqual(
    missing.map(({ key }) => key),
    [],
  );
});
