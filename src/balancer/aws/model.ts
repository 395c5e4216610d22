/**
 * Load balancers of AWS as they should be and as they are, in our own plain terms. `desired.ts` makes a stack of a
 * BalancerModel, `current.ts` reads what exists, `plan.ts` makes the steps from one to the other, `apply.ts` does them.
 */
import type { BalancerScheme, HealthCheck } from "../../traffic/balancer/model.ts";

/** Tags as AWS has them, by key. */
export type Tags = Readonly<Record<string, string>>;

/** Tags that say whose a thing is; the first three are the AWS Load Balancer Controller's own keys. */
export const TAG = {
  cluster: "elbv2.k8s.aws/cluster",
  stack: "service.k8s.aws/stack",
  resource: "service.k8s.aws/resource",
  /** Always `tandem`: what lacks it is not ours to delete. */
  owner: "tandem.dev/managed-by",
  /** Tells a Service from a later one of the same name. */
  uid: "tandem.dev/service-uid",
  /** Tells a cluster from another one of the same name: the uid of its namespace kube-system. */
  clusterUid: "tandem.dev/cluster-uid",
  /** Which load balancer of a Service this belongs to: 0 or absent for the first, one more for each replacement. */
  generation: "tandem.dev/generation",
  /** When it was made (ISO 8601): target groups and security groups have no time of their own. */
  created: "tandem.dev/created",
  /** What was set and cannot be read back with the load balancer: its capacity, and the rules for PrivateLink. */
  capacity: "tandem.dev/capacity-units",
  privateLink: "tandem.dev/private-link-rules",
} as const;

/** The IP address types that a Network Load Balancer may have (ELBv2 IpAddressType). */
export type IpAddressType = "ipv4" | "dualstack";

/** The protocols of listeners and target groups of Network Load Balancers (ELBv2 ProtocolEnum). */
export type ListenerProtocol = "TCP" | "UDP" | "TCP_UDP" | "TLS" | "QUIC" | "TCP_QUIC";

/** All that one Service should have. */
export interface DesiredStack {
  /** `namespace/name` and uid of the Service. */
  readonly key: string;
  readonly uid: string;
  readonly loadBalancer: DesiredLoadBalancer;
  readonly listeners: readonly DesiredListener[];
  readonly targetGroups: readonly DesiredTargetGroup[];
  /** Our own frontend group; undefined where the user named groups or wants none. */
  readonly securityGroup: DesiredSecurityGroup | undefined;
  /** Whether nodes' groups get rules that let this balancer in, through the cluster's shared backend group. */
  readonly manageBackendRules: boolean;
}

/** The load balancer itself, as it should be. */
export interface DesiredLoadBalancer {
  readonly name: string;
  readonly scheme: BalancerScheme;
  readonly ipAddressType: IpAddressType;
  readonly subnets: readonly SubnetMapping[];
  /** Ids of groups that the user named; our own is added once it exists. Undefined: no groups at all. */
  readonly securityGroups: readonly string[] | undefined;
  readonly prefixForIpv6SourceNat: "on" | "off" | undefined;
  readonly inboundRulesOnPrivateLink: "on" | "off" | undefined;
  /** Only these keys are written. */
  readonly attributes: Readonly<Record<string, string>>;
  readonly minimumCapacityUnits: number | undefined;
  readonly tags: Tags;
}

/** A subnet of a load balancer, with the addresses that it has there where somebody chose them. */
export interface SubnetMapping {
  readonly subnetId: string;
  readonly allocationId?: string;
  readonly privateIpv4Address?: string;
  readonly ipv6Address?: string;
  readonly sourceNatIpv6Prefix?: string;
}

/** One port of a load balancer, as it should be and as it is. */
export interface DesiredListener {
  readonly port: number;
  readonly protocol: ListenerProtocol;
  /** Target groups with weights: wished ones by name (or ARN where they are another's), existing ones by ARN. */
  readonly forward: readonly { readonly targetGroup: string; readonly weight: number }[];
  /** Whether further connections of an address go to the group that its first one went to. */
  readonly sticky?: boolean | undefined;
  /** ARNs, the default one first. */
  readonly certificates: readonly string[];
  readonly sslPolicy: string | undefined;
  readonly alpnPolicy: string | undefined;
  readonly attributes: Readonly<Record<string, string>>;
  readonly tags: Tags;
}

/** A target group as it should be: the backends of one port, reached over one family. */
export interface DesiredTargetGroup {
  /** The hash in it covers all that cannot change: type, protocol, port and IP address type. */
  readonly name: string;
  readonly protocol: ListenerProtocol;
  readonly port: number;
  readonly targetType: "instance" | "ip";
  readonly ipAddressType: "ipv4" | "ipv6";
  readonly vpcId: string;
  readonly healthCheck: HealthCheck;
  readonly attributes: Readonly<Record<string, string>>;
  readonly targets: readonly Target[];
  readonly tags: Tags;
}

/** One backend of a target group. */
export interface Target {
  /** `i-…`, or an address. */
  readonly id: string;
  readonly port: number;
  /** `all` where the address is outside the VPC. */
  readonly availabilityZone?: string;
}

/** A security group as it should be; names that exist once in a VPC. */
export interface DesiredSecurityGroup {
  readonly name: string;
  readonly description: string;
  readonly vpcId: string;
  readonly inbound: readonly SecurityRule[];
  readonly tags: Tags;
}

/** One permission; exactly one of the sources is set. */
export interface SecurityRule {
  readonly protocol: "tcp" | "udp" | "icmp" | "icmpv6" | "-1";
  /** For ICMP: type and code. */
  readonly fromPort: number;
  readonly toPort: number;
  readonly cidr?: string;
  readonly ipv6Cidr?: string;
  readonly prefixList?: string;
  readonly group?: string;
  readonly description?: string;
}

/** The surroundings that a stack is made for: read from AWS, given to the pure functions. */
export interface Surroundings {
  readonly clusterName: string;
  readonly clusterUid?: string | undefined;
  readonly vpcId: string;
  readonly vpcIpv4Cidrs: readonly string[];
  readonly vpcIpv6Cidrs: readonly string[];
  readonly subnets: readonly Subnet[];
  readonly securityGroups: readonly SecurityGroup[];
}

/** A subnet of the VPC, as EC2 has it. */
export interface Subnet {
  readonly id: string;
  readonly vpcId: string;
  readonly availabilityZone: string;
  /** `availability-zone`, `local-zone`, `wavelength-zone`, `outpost`: a balancer lives in one kind only. */
  readonly locale: string;
  readonly ipv4Cidr: string | undefined;
  /** Associated ones only. */
  readonly ipv6Cidrs: readonly string[];
  readonly freeIpv4Addresses: number;
  /** Its route table has a way to an internet gateway. */
  readonly public: boolean;
  readonly tags: Tags;
}

/** What exists for one Service, or for all of a cluster. */
export interface CurrentStack {
  readonly loadBalancers: readonly LoadBalancer[];
  readonly targetGroups: readonly TargetGroup[];
  readonly securityGroups: readonly SecurityGroup[];
}

/** A load balancer as it is, with its listeners. */
export interface LoadBalancer {
  readonly arn: string;
  readonly name: string;
  readonly dnsName: string;
  readonly type: "network" | "application" | "gateway";
  readonly scheme: BalancerScheme;
  readonly ipAddressType: string;
  readonly state: "provisioning" | "active" | "active_impaired" | "failed";
  readonly vpcId: string;
  readonly subnets: readonly SubnetMapping[];
  readonly securityGroups: readonly string[];
  readonly prefixForIpv6SourceNat: "on" | "off" | undefined;
  readonly created: string | undefined;
  readonly attributes: Readonly<Record<string, string>>;
  readonly listeners: readonly Listener[];
  readonly tags: Tags;
}

/** A listener as it is. */
export interface Listener extends DesiredListener {
  readonly arn: string;
}

/** A target group as it is. */
export interface TargetGroup extends Omit<DesiredTargetGroup, "targetType" | "targets"> {
  readonly arn: string;
  readonly targetType: "instance" | "ip" | "alb" | "lambda";
  /** With what AWS says of their health: `healthy`, `initial`, `unhealthy`, `draining`, `unused`, `unavailable`. */
  readonly targets: readonly (Target & { readonly health: string; readonly reason?: string })[];
  /** ARNs of the load balancers that use it; AWS allows one. */
  readonly loadBalancers: readonly string[];
}

/** A security group as it is, without its description: that cannot change. */
export interface SecurityGroup extends Omit<DesiredSecurityGroup, "description"> {
  readonly id: string;
}
