import { parseProxyFields } from "../proxy-fields.ts";
import { type AnnotationSpec, oneOf } from "./spec.ts";

/** Annotations that are not of the AWS controller: Tandem's, and those of Gardener that it honours. */
export const OWN = {
  proxyVersion: {
    key: "tandem.dev/proxy-protocol",
    type: "string",
    default: "v2 where PROXY protocol is on",
    concerns: "both",
    ...oneOf(["v1", "v2"], (value) => `unknown version of the PROXY protocol: ${value}`),
    meaning: "Its version; alone: on for every port. `v1` has no UDP, and AWS has no `v1`",
  },
  targetFamily: {
    key: "tandem.dev/target-family",
    type: "string",
    default: "the first of the Service's ipFamilies",
    concerns: "both",
    ...oneOf(["IPv4", "IPv6"], (value) => `unknown family: ${value}`),
    meaning: "The family that targets of a dual-stack Service are spoken to over first (AWS: only)",
  },
  addressPool: {
    key: "tandem.dev/address-pool",
    type: "string",
    default: "any LoadBalancerPool that fits",
    concerns: "local",
    meaning: "The LoadBalancerPool that addresses come from",
  },
  addresses: {
    key: "tandem.dev/load-balancer-ips",
    type: "list",
    default: "any free ones",
    concerns: "local",
    meaning: "The addresses asked for, at most one a family",
  },
  sharing: {
    key: "tandem.dev/allow-shared-ip",
    type: "string",
    default: "none",
    concerns: "local",
    meaning: "Services of a namespace with the same value share addresses, as long as their ports differ",
  },
  proxyFields: {
    key: "tandem.dev/proxy-protocol-tlvs",
    type: "string",
    default: "none",
    concerns: "local",
    refuses: (raw) => parseProxyFields(raw).problem,
    meaning: "Further fields of version 2: `0xE0=text, 0x02=%REQUESTED_SERVER_NAME%`",
  },
  gracePeriod: {
    key: "tandem.dev/replacement-grace-period",
    type: "string",
    default: "that of the command",
    concerns: "aws",
    refuses: (raw) =>
      /^\d{1,6}(s|m|h)$/.test(raw.trim()) ? undefined : `${raw} is no duration: a number and s, m or h`,
    next: "write one such as 10m",
    meaning: "How long a load balancer that was replaced stays, such as `10m`",
  },
  deleteOld: {
    key: "tandem.dev/delete-old-load-balancer",
    type: "string",
    default: "none: it stays",
    concerns: "aws",
    meaning: "The hostname, name or ARN of another controller's load balancer that may be deleted, or `true`",
  },
  ignored: {
    key: "extensions.gardener.cloud/ignore-load-balancer",
    type: "string",
    default: "false",
    concerns: "both",
    meaning: "`true`: Gardener shall not make this Service dual-stack by itself; nor do we",
  },
  dnsIgnored: {
    key: "dns.gardener.cloud/ignore",
    type: "string",
    default: "false",
    concerns: "both",
    meaning:
      "`true`: Gardener's DNS names do not follow the status; not needed, as it moves once the new one serves",
  },
  oldBalancer: {
    key: "gardener.cloud/old-load-balancer-name",
    type: "string",
    default: "none",
    concerns: "both",
    meaning: "The hostname of the load balancer that this Service had before, left to be deleted",
  },
} as const satisfies Record<string, AnnotationSpec>;
