/** Models for tests of the local balancer. */
import type { BalancerModel, BalancerPort } from "../../src/traffic/balancer/model.ts";
import { TCP_CHECK } from "../traffic/balancer/fixtures.ts";

/** A port 80 of TCP, checked by connecting. */
export function balancerPort(differences: Partial<BalancerPort> = {}): BalancerPort {
  return {
    name: "web",
    protocol: "TCP",
    port: 80,
    nodePort: 30080,
    targetPort: 8080,
    proxyProtocol: undefined,
    tls: undefined,
    tlsToTargets: false,
    healthCheck: TCP_CHECK,
    targetAttributes: {},
    listenerAttributes: {},
    ...differences,
  };
}

/** A Service of an IPv4 cluster with clients of both families. */
export function balancerModel(differences: Partial<BalancerModel> = {}): BalancerModel {
  return {
    key: "default/web",
    namespace: "default",
    name: "web",
    uid: "1",
    scheme: undefined,
    clientFamilies: ["IPv4", "IPv6"],
    targetFamilies: ["IPv4"],
    targetType: "instance",
    ports: [balancerPort()],
    nodes: [],
    endpoints: [],
    externalTrafficPolicy: "Cluster",
    healthCheckNodePort: undefined,
    sourceRanges: [],
    aws: {
      ipAddressType: "dualstack",
      loadBalancerName: undefined,
      subnets: [],
      eipAllocations: [],
      privateIpv4Addresses: [],
      ipv6Addresses: [],
      prefixForIpv6SourceNat: undefined,
      sourceNatIpv6Prefixes: [],
      loadBalancerAttributes: {},
      securityGroups: [],
      manageBackendSecurityGroupRules: undefined,
      disableSecurityGroups: false,
      securityGroupPrefixLists: undefined,
      inboundRulesOnPrivateLink: undefined,
      icmpForPathMtuDiscovery: false,
      additionalTags: {},
      multiClusterTargetGroups: false,
      minimumCapacityUnits: undefined,
      actions: {},
      deletionProtection: false,
    },
    local: { pool: undefined, addresses: {} },
    ...differences,
  };
}
