/**
 * What a Service of type LoadBalancer asks for, in terms of no provider: listeners, what they forward to, and what was
 * asked for beside it by annotations. Made of objects by `translateBalancer`; a provider (AWS, local) turns it into
 * load balancers. Plain data that never changes once made.
 */
import type { Family, PerFamily } from "../../ip/family.ts";
import type { ProxyField } from "./proxy-fields.ts";

/** Everything that one Service asks of a load balancer. */
export interface BalancerModel {
  /** `namespace/name` of the Service. */
  readonly key: string;
  readonly namespace: string;
  readonly name: string;
  /** Tells a Service from a later one of the same name. */
  readonly uid: string;
  readonly scheme: BalancerScheme | undefined;
  /** The families that clients may use, the Service's own order of them where it has both. */
  readonly clientFamilies: readonly Family[];
  /** The families that targets are spoken to over: the Service's `ipFamilies`. */
  readonly targetFamilies: readonly Family[];
  readonly targetType: "instance" | "ip";
  readonly ports: readonly BalancerPort[];
  /** The nodes that take traffic, sorted by name (`instance`). */
  readonly nodes: readonly BalancerNode[];
  /** The pods that take traffic (`ip`). */
  readonly endpoints: readonly BalancerEndpoint[];
  readonly externalTrafficPolicy: "Cluster" | "Local";
  /** With `Local`: the port at which each node says whether it has endpoints (facts: kube-proxy's /healthz). */
  readonly healthCheckNodePort: number | undefined;
  /** CIDRs of either family that clients may come from; empty: any. */
  readonly sourceRanges: readonly string[];
  readonly aws: AwsSettings;
  readonly local: LocalSettings;
  readonly gardener?: GardenerSettings | undefined;
}

/** Whether a load balancer is reached from the internet. */
export type BalancerScheme = "internal" | "internet-facing";

/** One port of the Service: one listener and one group of targets. */
export interface BalancerPort {
  readonly name: string;
  readonly protocol: "TCP" | "UDP" | "TCP_UDP";
  readonly port: number;
  readonly nodePort: number | undefined;
  /** A number, or the name of a port of the pods. */
  readonly targetPort: number | string;
  /** The version of the PROXY protocol that targets are told the client's address by. */
  readonly proxyProtocol: 1 | 2 | undefined;
  /** Ends TLS at the balancer with these certificates, the first by default (AWS: ARNs; local: `namespace/secret`). */
  readonly tls:
    | { readonly certificates: readonly string[]; readonly policy?: string; readonly alpn?: string }
    | undefined;
  /** Speaks TLS to the targets. */
  readonly tlsToTargets: boolean;
  readonly healthCheck: HealthCheck;
  /** Attributes of the target group (AWS's keys and values), PROXY protocol among them. */
  readonly targetAttributes: Readonly<Record<string, string>>;
  /** Attributes of the listener (AWS's keys and values). */
  readonly listenerAttributes: Readonly<Record<string, string>>;
  /** What else its connections go to, by a forward action; undefined: to the Service alone. */
  readonly forward?: PortForward | undefined;
}

/** How a port's connections are shared out; weights from 0 to 999, undefined: AWS's default. */
export interface PortForward {
  readonly ownWeight: number | undefined;
  /** Further connections of an address go to the group that its first one went to. */
  readonly sticky: boolean;
  readonly others: readonly ForwardTarget[];
}

/** A group of targets that somebody else keeps, or another Service of the namespace. */
export type ForwardTarget =
  | { readonly kind: "arn"; readonly arn: string; readonly weight: number | undefined }
  | {
      readonly kind: "service";
      /** `namespace/name`. */
      readonly key: string;
      readonly uid: string;
      readonly port: number;
      readonly nodePort: number | undefined;
      readonly targetPort: number | string;
      readonly portName: string;
      /** With a TLS listener: speaks plain TCP to these targets. */
      readonly decrypt: boolean;
      /** As of its own externalTrafficPolicy. */
      readonly healthCheck: HealthCheck;
      readonly endpoints: readonly BalancerEndpoint[];
      readonly weight: number | undefined;
    };

/** How targets are asked whether they serve; times in seconds. */
export interface HealthCheck {
  readonly protocol: "TCP" | "HTTP" | "HTTPS";
  /** `traffic-port`, or a port number. */
  readonly port: "traffic-port" | number;
  readonly path: string | undefined;
  readonly intervalSeconds: number;
  readonly timeoutSeconds: number;
  readonly healthyThreshold: number;
  readonly unhealthyThreshold: number;
  /** Status codes that count as healthy, as `200-399` (HTTP and HTTPS). */
  readonly successCodes: string | undefined;
}

/** A node as a target. */
export interface BalancerNode {
  readonly name: string;
  /** The node's `spec.providerID`, as `aws:///eu-west-1a/i-0123`. */
  readonly providerId: string | undefined;
  readonly addresses: PerFamily<string>;
  /** `topology.kubernetes.io/zone`. */
  readonly zone: string | undefined;
}

/** A pod as a target. */
export interface BalancerEndpoint {
  readonly pod: string;
  readonly addresses: PerFamily<string>;
  readonly node: string | undefined;
  /** The port number by the name of the Service's port. */
  readonly ports: Readonly<Record<string, number>>;
}

/** What annotations ask of AWS alone; lists as written, checked against the account later. */
export interface AwsSettings {
  readonly ipAddressType: "ipv4" | "dualstack";
  readonly loadBalancerName: string | undefined;
  /** Ids or values of the tag Name. */
  readonly subnets: readonly string[];
  readonly eipAllocations: readonly string[];
  readonly privateIpv4Addresses: readonly string[];
  readonly ipv6Addresses: readonly string[];
  readonly prefixForIpv6SourceNat: "on" | "off" | undefined;
  readonly sourceNatIpv6Prefixes: readonly string[];
  readonly loadBalancerAttributes: Readonly<Record<string, string>>;
  /** Ids or values of the tag Name; empty: groups of our own. */
  readonly securityGroups: readonly string[];
  readonly manageBackendSecurityGroupRules: boolean | undefined;
  readonly disableSecurityGroups: boolean;
  /** Beside source ranges, or in their place; undefined where none are asked for: without ranges all may come then. */
  readonly securityGroupPrefixLists: readonly string[] | undefined;
  readonly inboundRulesOnPrivateLink: "on" | "off" | undefined;
  readonly icmpForPathMtuDiscovery: boolean;
  readonly additionalTags: Readonly<Record<string, string>>;
  readonly multiClusterTargetGroups: boolean;
  readonly minimumCapacityUnits: number | undefined;
  /** Listener actions by `PROTO-PORT`, as the JSON says. */
  readonly actions: Readonly<Record<string, unknown>>;
  /** `deletion_protection.enabled` among the attributes: the Service's own wish that nothing is deleted. */
  readonly deletionProtection: boolean;
}

/** What annotations ask of the local provider alone. */
export interface LocalSettings {
  /** The LoadBalancerPool to take addresses from; undefined: any that fits. */
  readonly pool: string | undefined;
  /** Addresses asked for, at most one a family. */
  readonly addresses: PerFamily<string>;
  /** RequireDualStack: addresses of all families of clients, or none. */
  readonly all?: boolean;
  /** Services of a namespace with the same key share addresses, as long as their ports differ. */
  readonly sharing?: string | undefined;
  /** What headers of the PROXY protocol's version 2 are to say besides. */
  readonly proxyFields?: readonly ProxyField[];
}

/** What Gardener's migration annotations say (its AWS extension's webhook for Services writes them). */
export interface GardenerSettings {
  /** `extensions.gardener.cloud/ignore-load-balancer: "true"`: never made dual-stack by anybody but its owner. */
  readonly ignored: boolean;
  /** `gardener.cloud/old-load-balancer-name`: the hostname of the load balancer before this one, to be cleaned up. */
  readonly oldLoadBalancer: string | undefined;
  /** `dns.gardener.cloud/ignore: "true"`: DNS names stay where they are while load balancers change. */
  readonly dnsIgnored: boolean;
}

/** A remark on one field of a Service: an error keeps it from being served, a warning does not. */
export interface BalancerFinding {
  readonly level: "error" | "warning";
  /** For example `metadata.annotations[service.beta.kubernetes.io/aws-load-balancer-scheme]`. */
  readonly field: string;
  readonly message: string;
  /** What to do about it. */
  readonly next: string | undefined;
}

/** Whether a Service is ours to serve, and why or why not (facts: ownership rules of the AWS controller). */
export type Ownership =
  | { readonly owned: true; readonly by: "class" | "annotations" }
  | {
      readonly owned: false;
      readonly reason: string;
      readonly finding?: BalancerFinding;
      /** What was made for the Service stays: nothing says that it was meant to go. */
      readonly stays?: true;
      /** Another balancer of Tandem's serves it, and it alone removes what was made. */
      readonly anothers?: true;
    };

/** A Service as understood: a model where it has no errors. */
export interface TranslatedBalancer {
  readonly ownership: Ownership;
  readonly model: BalancerModel | undefined;
  readonly findings: readonly BalancerFinding[];
}
