import { AWS_PREFIX, type AnnotationSpec, aws, oneOf } from "./spec.ts";

const ROUTING = ["any_availability_zone", "partial_availability_zone_affinity", "availability_zone_affinity"];

function refuseAttributes(_: string, parsed: unknown): string | undefined {
  const policy = (parsed as Record<string, string>)["dns_record.client_routing_policy"];
  if (policy === undefined || ROUTING.includes(policy)) return undefined;
  const expected = ROUTING.map((value) => `'${value}'`).join(", ");
  const where = "aws-load-balancer-attributes";
  return `invalid dns_record.client_routing_policy set in annotation ${where}: got '${policy}' expected one of [${expected}]`;
}

function refuseCapacity(_: string, parsed: unknown): string | undefined {
  for (const [key, value] of Object.entries(parsed as Record<string, string>)) {
    if (key !== "CapacityUnits")
      return `invalid key to set the capacity: ${key}, Expected key: CapacityUnits`;
    if (!/^[+-]?[0-9]{1,9}$/.test(value))
      return `invalid value to set the capacity: ${value}: strconv.ParseInt: parsing "${value}": invalid syntax`;
    if (Number(value) < 0) return `invalid value to set the capacity: ${value} is below 0`;
  }
  return undefined;
}

/** What a load balancer is in an account of AWS: its name, subnets, security groups, attributes and tags. */
export const ACCOUNT = {
  name: {
    key: aws("name"),
    type: "string",
    default: "`k8s-<namespace>-<name>-<hash>`",
    concerns: "aws",
    refuses: (raw) =>
      raw.length > 32 ? "load balancer name cannot be longer than 32 characters" : undefined,
    meaning: "The load balancer's name when it is made; a later change has no effect",
  },
  subnets: {
    key: aws("subnets"),
    type: "list",
    default: "the existing load balancer's, else found by tags",
    concerns: "aws",
    meaning: "Ids of subnets, or values of their tag Name",
  },
  eipAllocations: {
    key: aws("eip-allocations"),
    type: "list",
    default: "none",
    concerns: "aws",
    meaning: "Elastic IPs, one a subnet, in their order",
  },
  privateIpv4Addresses: {
    key: aws("private-ipv4-addresses"),
    type: "list",
    default: "none",
    concerns: "aws",
    meaning: "IPv4 addresses of an internal load balancer, one a subnet",
  },
  ipv6Addresses: {
    key: aws("ipv6-addresses"),
    type: "list",
    default: "none",
    concerns: "aws",
    meaning: "IPv6 addresses of a dualstack load balancer, one a subnet",
  },
  prefixForIpv6SourceNat: {
    key: aws("enable-prefix-for-ipv6-source-nat"),
    type: "string",
    default: "off",
    concerns: "aws",
    ...oneOf(
      ["on", "off"],
      (value) => `Invalid enable-prefix-for-ipv6-source-nat value: ${value}. Valid values are ['on', 'off'].`,
    ),
    meaning: "Source addresses of an IPv6 prefix towards targets; UDP over IPv6 needs it",
  },
  sourceNatIpv6Prefixes: {
    key: aws("source-nat-ipv6-prefixes"),
    type: "list",
    default: "auto_assigned",
    concerns: "aws",
    meaning: "Those prefixes (/80, or `auto_assigned`), one a subnet, in their order",
  },
  attributes: {
    key: aws("attributes"),
    type: "map",
    default: "none",
    concerns: "aws",
    refuses: refuseAttributes,
    meaning: "Attributes of the load balancer; only the keys named are written, none is reset",
  },
  securityGroups: {
    key: aws("security-groups"),
    type: "list",
    default: "a group of our own, and the cluster's shared one for targets",
    concerns: "aws",
    meaning: "Ids of security groups, or values of their tag Name",
  },
  manageBackendRules: {
    key: aws("manage-backend-security-group-rules"),
    type: "bool",
    default: "true with a group of our own, else false",
    concerns: "aws",
    meaning: "Whether nodes' groups get rules that let the load balancer in",
  },
  disableSecurityGroups: {
    key: aws("disable-nlb-sg"),
    type: "bool",
    default: "false",
    concerns: "aws",
    meaning: "No security groups at all: decided for ever when the load balancer is made",
  },
  prefixLists: {
    key: aws("security-group-prefix-lists"),
    type: "list",
    default: "none",
    concerns: "aws",
    meaning: "Prefix lists that clients may come from; alone: only those",
  },
  privateLinkRules: {
    key: aws("inbound-sg-rules-on-private-link-traffic"),
    type: "string",
    default: "AWS's: on",
    concerns: "aws",
    ...oneOf(
      ["on", "off"],
      (value) =>
        `Invalid value for securityGroupsInboundRulesOnPrivateLink status: ${value}, value must be one of [on, off]`,
    ),
    meaning: "Whether the rules hold for PrivateLink, too",
  },
  icmp: {
    key: aws("enable-icmp-for-path-mtu-discovery"),
    type: "string",
    default: "off",
    concerns: "aws",
    values: ["on"],
    meaning: "`on`: ICMP that path MTU discovery needs is let in, of both families",
  },
  additionalTags: {
    key: aws("additional-resource-tags"),
    type: "map",
    default: "none",
    concerns: "aws",
    meaning: "Tags on all that is made; tracking tags cannot be set by it",
  },
  quicPorts: {
    key: aws("quic-enabled-ports"),
    type: "list",
    default: "none",
    concerns: "aws",
    meaning: "Refused: QUIC of AWS needs a server id of every target",
  },
  multiCluster: {
    key: aws("multi-cluster-target-group"),
    type: "bool",
    default: "false",
    concerns: "aws",
    meaning: "Targets of others in the same groups are left alone",
  },
  capacity: {
    key: aws("minimum-load-balancer-capacity"),
    type: "map",
    default: "none",
    concerns: "aws",
    refuses: refuseCapacity,
    meaning: "Reserved capacity: `CapacityUnits=N`; 0 gives it back",
  },
  accessLog: {
    key: aws("access-log-enabled"),
    type: "bool",
    default: "none",
    concerns: "aws",
    deprecated: aws("attributes"),
    meaning: "The attribute `access_logs.s3.enabled`; wins over `attributes`",
  },
  accessLogBucket: {
    key: aws("access-log-s3-bucket-name"),
    type: "string",
    default: "none",
    concerns: "aws",
    deprecated: aws("attributes"),
    meaning: "The attribute `access_logs.s3.bucket`, where logging is switched on",
  },
  accessLogPrefix: {
    key: aws("access-log-s3-bucket-prefix"),
    type: "string",
    default: "none",
    concerns: "aws",
    deprecated: aws("attributes"),
    meaning: "The attribute `access_logs.s3.prefix`, where logging is switched on",
  },
  crossZone: {
    key: aws("cross-zone-load-balancing-enabled"),
    type: "bool",
    default: "none",
    concerns: "aws",
    deprecated: aws("attributes"),
    meaning: "The attribute `load_balancing.cross_zone.enabled`; wins over `attributes`",
  },
  actionsOf: {
    key: `${AWS_PREFIX}actions.`,
    suffix: "PROTO-PORT",
    type: "json",
    default: "all to the Service itself",
    concerns: "aws",
    meaning: "A forward action: other target groups or Services beside this one, with weights",
  },
} as const satisfies Record<string, AnnotationSpec>;
