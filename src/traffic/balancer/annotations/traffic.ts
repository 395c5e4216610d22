import { parseBool } from "../parse.ts";
import { AWS_PREFIX, type AnnotationSpec, aws, oneOf } from "./spec.ts";

const HEALTH_PROTOCOLS = ["TCP", "HTTP", "HTTPS"];
const ALPN = ["None", "HTTP1Only", "HTTP2Only", "HTTP2Optional", "HTTP2Preferred"];

function refuseTargetAttributes(_: string, parsed: unknown): string | undefined {
  const key = "preserve_client_ip.enabled";
  const value = (parsed as Record<string, string>)[key];
  if (value === undefined) return undefined;
  const result = parseBool(value);
  return "error" in result ? `failed to parse attribute ${key}=${value}: ${result.error}` : undefined;
}

function refusePortNumbers(_: string, parsed: unknown): string | undefined {
  const bad = (parsed as string[]).find((port) => !/^[+-]?[0-9]+$/.test(port));
  return bad === undefined ? undefined : `invalid port number in proxy-protocol-per-target-group: ${bad}`;
}

const CODE = "[2-5][0-9]{2}";
const SUCCESS_CODES = new RegExp(`^ *${CODE}( *- *${CODE})?( *, *${CODE}( *- *${CODE})?)* *$`);

/** What a load balancer does with connections: whose they are, their families, ports, targets, probes and TLS. */
export const TRAFFIC = {
  type: {
    key: aws("type"),
    type: "string",
    default: "none: the Service is not ours",
    concerns: "both",
    values: ["external", "nlb-ip"],
    meaning: "With `external` and a target type, or `nlb-ip` (deprecated), the Service is ours",
  },
  targetType: {
    key: aws("nlb-target-type"),
    type: "string",
    default: "instance",
    concerns: "both",
    values: ["instance", "ip"],
    meaning: "Whether nodes (`instance`) or pods (`ip`) are the targets",
  },
  ipAddressType: {
    key: aws("ip-address-type"),
    type: "string",
    default: "ipv4; local: the Service's own families",
    concerns: "both",
    ...oneOf(["ipv4", "dualstack"], (value) => `unknown IPAddressType: ${value}`),
    meaning: "The families of clients; targets are spoken to over the Service's own",
  },
  scheme: {
    key: aws("scheme"),
    type: "string",
    default: "that of the existing load balancer, else internal",
    concerns: "both",
    ...oneOf(["internal", "internet-facing"], (value) => `unknown scheme: ${value}`),
    meaning: "Whether the load balancer has public addresses",
  },
  internal: {
    key: aws("internal"),
    type: "bool",
    default: "none",
    concerns: "both",
    unreadBeside: aws("scheme"),
    deprecated: aws("scheme"),
    meaning: "true: internal; false: internet-facing",
  },
  proxyProtocol: {
    key: aws("proxy-protocol"),
    type: "string",
    default: "off",
    concerns: "both",
    ...oneOf(
      ["*"],
      (value) =>
        `invalid value ${value} for Load Balancer proxy protocol v2 annotation, only value currently supported is *`,
    ),
    meaning: "`*`: PROXY protocol v2 on every port; wins over all else",
  },
  proxyProtocolPerTargetGroup: {
    key: aws("proxy-protocol-per-target-group"),
    type: "list",
    default: "off",
    concerns: "both",
    refuses: refusePortNumbers,
    next: "write numbers of the Service's ports (not names), such as 80, 443",
    meaning: "The ports with PROXY protocol v2; all others are without",
  },
  targetGroupAttributes: {
    key: aws("target-group-attributes"),
    type: "map",
    default: "none",
    concerns: "both",
    refuses: refuseTargetAttributes,
    meaning: "Attributes of all target groups, such as `preserve_client_ip.enabled`",
  },
  targetGroupAttributesOf: {
    key: aws("target-group-attributes."),
    suffix: "PORT",
    type: "map",
    default: "none",
    concerns: "both",
    refuses: refuseTargetAttributes,
    meaning: "Attributes of one port's target group; they win, unless empty",
  },
  listenerAttributesOf: {
    key: aws("listener-attributes."),
    suffix: "PROTO-PORT",
    type: "map",
    default: "none",
    concerns: "both",
    meaning: "Attributes of one listener, such as `tcp.idle_timeout.seconds`",
  },
  healthProtocol: {
    key: aws("healthcheck-protocol"),
    type: "string",
    default: "TCP; with instance targets and externalTrafficPolicy Local: HTTP",
    concerns: "both",
    values: HEALTH_PROTOCOLS,
    refuses: (raw) =>
      HEALTH_PROTOCOLS.includes(raw.toUpperCase()) ? undefined : `unsupported health check protocol ${raw}`,
    meaning: "How targets are probed; in upper or lower case",
  },
  healthPort: {
    key: aws("healthcheck-port"),
    type: "string",
    default: "traffic-port; with Local: spec.healthCheckNodePort",
    concerns: "both",
    meaning: "`traffic-port`, a number, or the name of a port of the Service",
  },
  healthPath: {
    key: aws("healthcheck-path"),
    type: "string",
    default: "/; with Local: /healthz",
    concerns: "both",
    meaning: "The path of an HTTP or HTTPS probe",
  },
  healthInterval: {
    key: aws("healthcheck-interval"),
    type: "int32",
    default: "10",
    concerns: "both",
    meaning: "Seconds between two probes: 5 to 300",
  },
  healthTimeout: {
    key: aws("healthcheck-timeout"),
    type: "int32",
    default: "10; with Local: 6",
    concerns: "both",
    meaning: "Seconds until a probe has failed: 2 to 120, and not above the interval",
  },
  healthyThreshold: {
    key: aws("healthcheck-healthy-threshold"),
    type: "int32",
    default: "3; with Local: 2",
    concerns: "both",
    meaning: "Probes in a row that make a target healthy: 2 to 10",
  },
  unhealthyThreshold: {
    key: aws("healthcheck-unhealthy-threshold"),
    type: "int32",
    default: "3; with Local: 2",
    concerns: "both",
    meaning: "Probes in a row that make a target unhealthy: 2 to 10",
  },
  healthCodes: {
    key: aws("healthcheck-success-codes"),
    type: "string",
    default: "200-399",
    concerns: "both",
    refuses: (raw) => (SUCCESS_CODES.test(raw) ? undefined : `${raw} are no status codes from 200 to 599`),
    next: "write them as 200,204 or 200-399",
    meaning: "Status codes of a healthy target, as `200,204` or `200-399` (HTTP, HTTPS)",
  },
  certificates: {
    key: aws("ssl-cert"),
    type: "list",
    default: "none",
    concerns: "both",
    meaning: "Certificates, the first by default: ARNs; local: names of Secrets. Makes TCP ports TLS",
  },
  tlsPorts: {
    key: aws("ssl-ports"),
    type: "list",
    default: "all TCP ports, where there is a certificate",
    concerns: "both",
    meaning: "Names or numbers of the ports with TLS",
  },
  tlsPolicy: {
    key: aws("ssl-negotiation-policy"),
    type: "string",
    default: "ELBSecurityPolicy-2016-08",
    concerns: "aws",
    meaning: "The TLS versions and ciphers",
  },
  backendProtocol: {
    key: aws("backend-protocol"),
    type: "string",
    default: "tcp",
    concerns: "both",
    values: ["ssl", "tcp"],
    meaning: "`ssl`: TLS listeners speak TLS to targets, too",
  },
  alpn: {
    key: aws("alpn-policy"),
    type: "string",
    default: "none",
    concerns: "both",
    values: ALPN,
    meaning: "ALPN of TLS listeners",
  },
  tcpUdp: {
    key: aws("enable-tcp-udp-listener"),
    type: "bool",
    default: "false",
    concerns: "both",
    meaning: "A TCP and a UDP port of one number become one listener",
  },
  nodeLabels: {
    key: aws("target-node-labels"),
    type: "map",
    default: "none",
    concerns: "both",
    meaning: "Labels that nodes must have to be targets (`instance`)",
  },
  sourceRanges: {
    key: `${AWS_PREFIX}load-balancer-source-ranges`,
    type: "list",
    default: "0.0.0.0/0, and ::/0 with dualstack",
    concerns: "both",
    meaning: "CIDRs that clients may come from; spec.loadBalancerSourceRanges wins",
  },
} as const satisfies Record<string, AnnotationSpec>;
