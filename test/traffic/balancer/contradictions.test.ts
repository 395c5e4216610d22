import assert from "node:assert/strict";
import { test } from "node:test";
import type { ServiceSpec } from "../../../src/objects/types.ts";
import { balancerService, remarks, translate } from "./fixtures.ts";

interface Case {
  readonly given: Readonly<Record<string, string>>;
  readonly spec?: Partial<ServiceSpec>;
  /** What is said on AWS. */
  readonly aws: readonly string[];
  /** And by the local provider, where that is not the same. */
  readonly local?: readonly string[];
}

const ARN = "arn:aws:acm:eu-west-1:123456789012:certificate/x";
const NO_GROUPS = "disable-nlb-sg makes the load balancer without security groups";
const NAMED = "the groups that the Service names let in whom their own rules say";
const CLOSED =
  "warning: nodes' security groups get no rules for a load balancer without security groups: no target is reached unless they let it in";
const EMPTY = "warning: it is empty, which is as if it were not there";
const ONE_POD = (families: string) =>
  `warning: to nodes all ${families} clients come from the load balancer's own address: each node sends them all to one pod`;
const DUAL = { "ip-address-type": "dualstack" };
const RANGES = { loadBalancerSourceRanges: ["192.0.2.0/24"] };

const CASES: readonly Case[] = [
  { given: { scheme: "internal", internal: "true" }, aws: [] },
  { given: { scheme: "internal", internal: "maybe" }, aws: [] },
  {
    given: { scheme: "internet-facing", internal: "true" },
    aws: ["warning: it says the opposite of scheme internet-facing, which wins"],
  },
  { given: { "proxy-protocol": "*", "proxy-protocol-per-target-group": "80" }, aws: [] },
  {
    given: { "proxy-protocol": "*", "proxy-protocol-per-target-group": "" },
    aws: [
      'warning: it has no effect: aws-load-balancer-proxy-protocol "*" switches PROXY protocol on for port 80, too',
    ],
  },
  {
    given: { "proxy-protocol": "*", "target-group-attributes": "proxy_protocol_v2.enabled=false" },
    aws: [
      "warning: proxy_protocol_v2.enabled=false has no effect on port 80: aws-load-balancer-proxy-protocol wins",
    ],
  },
  {
    given: {
      "proxy-protocol-per-target-group": "80",
      "target-group-attributes": "proxy_protocol_v2.enabled=false",
    },
    aws: [
      "warning: proxy_protocol_v2.enabled=false has no effect on port 80: aws-load-balancer-proxy-protocol-per-target-group wins",
    ],
  },
  {
    given: {
      "target-group-attributes": "proxy_protocol_v2.enabled=true",
      "target-group-attributes.80": "proxy_protocol_v2.enabled=false",
    },
    aws: [],
  },
  { given: { "healthcheck-path": "/x" }, aws: ["warning: it has no effect: probes are TCP connections"] },
  { given: { "healthcheck-path": "/x", "healthcheck-protocol": "http" }, aws: [] },
  { given: { "alpn-policy": "HTTP2Only" }, aws: ["warning: it has no effect: no port has TLS"] },
  {
    given: { "alpn-policy": "HTTP2Only", "ssl-cert": ARN },
    aws: [],
    local: [`error: ${ARN} is a certificate of AWS, whose key the local provider cannot get`],
  },
  { given: {}, spec: { loadBalancerIP: "192.0.2.1" }, aws: ["warning: it has no effect on AWS"], local: [] },
  { given: {}, spec: { sessionAffinity: "ClientIP" }, aws: [], local: [ONE_POD("IPv4")] },
  {
    given: DUAL,
    spec: { sessionAffinity: "ClientIP" },
    aws: [ONE_POD("IPv6")],
    local: [ONE_POD("IPv4 and IPv6")],
  },
  { given: { ...DUAL, "nlb-target-type": "ip" }, spec: { sessionAffinity: "ClientIP" }, aws: [] },
  {
    given: { "disable-nlb-sg": "true" },
    spec: RANGES,
    aws: [CLOSED, `warning: nobody is kept out by source ranges: ${NO_GROUPS}`],
    local: [],
  },
  { given: { "disable-nlb-sg": "true", "manage-backend-security-group-rules": "false" }, aws: [] },
  {
    given: { "disable-nlb-sg": "true", "manage-backend-security-group-rules": "true" },
    aws: [CLOSED],
    local: [],
  },
  { given: { "disable-nlb-sg": "false" }, aws: [] },
  {
    given: { "security-groups": "sg-1", "/load-balancer-source-ranges": "192.0.2.0/24" },
    aws: [`warning: nobody is kept out by source ranges: ${NAMED}`],
    local: [],
  },
  {
    given: { "security-groups": "sg-1", "disable-nlb-sg": "true" },
    aws: [`warning: they have no effect: ${NO_GROUPS}`, CLOSED],
    local: [],
  },
  {
    given: { "security-groups": "sg-1", "security-group-prefix-lists": "pl-1" },
    aws: [`warning: prefix lists have no effect: ${NAMED}`],
    local: [],
  },
  {
    given: { "security-group-prefix-lists": " , " },
    aws: ["warning: it is empty: no client is let in"],
    local: [],
  },
  { given: { "security-group-prefix-lists": "", "/load-balancer-source-ranges": "192.0.2.0/24" }, aws: [] },
  { given: { subnets: "" }, aws: [EMPTY], local: [] },
  { given: { "ssl-cert": "," }, aws: [EMPTY] },
  { given: { "tandem.dev/load-balancer-ips": "" }, aws: [], local: [EMPTY] },
  { given: { "proxy-protocol-per-target-group": "" }, aws: [] },
  {
    given: { "target-group-attributes": "proxy_protocol_v2.enable=true" },
    aws: ["warning: no attribute proxy_protocol_v2.enable is known"],
  },
  {
    given: { "target-group-attributes.80": "proxy_protocol_v2.enabled=True" },
    aws: ["error: proxy_protocol_v2.enabled cannot be True"],
  },
  {
    given: { "target-group-attributes": "deregistration_delay.timeout_seconds=3601" },
    aws: ["error: deregistration_delay.timeout_seconds cannot be 3601"],
    local: ["warning: deregistration_delay.timeout_seconds cannot be 3601"],
  },
  {
    given: { "listener-attributes.TCP-80": "tcp.idle_timeout.seconds=10" },
    aws: ["error: tcp.idle_timeout.seconds cannot be 10"],
    local: ["warning: tcp.idle_timeout.seconds cannot be 10"],
  },
  {
    given: { attributes: "load_balancing.crosszone.enabled=true" },
    aws: ["warning: no attribute load_balancing.crosszone.enabled is known"],
  },
];

for (const { given, spec = {}, aws, local = aws } of CASES)
  test(`said in vain: ${JSON.stringify({ ...given, ...spec })}`, () => {
    const service = balancerService(given, spec);
    assert.deepEqual(remarks(translate(service)), aws);
    assert.deepEqual(remarks(translate(service, { provider: "local" })), local);
  });

test("what was meant by an attribute, and by values that are few", () => {
  const next = (given: Readonly<Record<string, string>>) =>
    translate(balancerService(given)).findings.map((finding) => finding.next);
  assert.deepEqual(next({ "target-group-attributes": "proxy_protocol_v2.enable=true" }), [
    "write proxy_protocol_v2.enabled",
  ]);
  assert.deepEqual(next({ "proxy-protocol": "true" }), ['write "*"']);
  assert.deepEqual(next({ "proxy-protocol-per-target-group": "http" }), [
    "write numbers of the Service's ports (not names), such as 80, 443",
  ]);
  assert.deepEqual(next({ "tandem.dev/replacement-grace-period": "10" }), ["write one such as 10m"]);
});
