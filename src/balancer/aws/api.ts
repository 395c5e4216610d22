/**
 * The calls to AWS that Tandem makes, no more: one function a call, so that a test can let every one of them fail. The
 * SDK's shapes stay behind this (sdk.ts). Every function throws {@link AwsError}.
 */
import type {
  DesiredListener,
  DesiredTargetGroup,
  IpAddressType,
  Listener,
  LoadBalancer,
  SecurityGroup,
  SecurityRule,
  Subnet,
  SubnetMapping,
  Tags,
  Target,
  TargetGroup,
} from "./model.ts";
import type { BalancerScheme, HealthCheck } from "../../traffic/balancer/model.ts";

/** An answer of AWS that is not a success. */
export class AwsError extends Error {
  /** AWS's code, as `LoadBalancerNotFound`, `ResourceInUse`, `Throttling`; `TimedOut` where no answer came. */
  readonly code: string;
  readonly call: string;
  /** Whether the same call may succeed later: throttled, unavailable, timed out. */
  readonly retryable: boolean;

  constructor(call: string, code: string, message: string, retryable: boolean) {
    super(`${call}: ${code}: ${message}`);
    this.name = "AwsError";
    this.code = code;
    this.call = call;
    this.retryable = retryable;
  }
}

/** Load balancers without what takes calls of their own: listeners, attributes and tags. */
export type BareLoadBalancer = Omit<LoadBalancer, "listeners" | "attributes" | "tags">;

/** A listener as one call gives it: with the ARNs of its default certificates, without attributes and tags. */
export type BareListener = Omit<Listener, "attributes" | "tags" | "certificates"> & {
  readonly defaultCertificates: readonly string[];
};

/** A target group as one call gives it: without attributes, tags and targets. */
export type BareTargetGroup = Omit<TargetGroup, "attributes" | "tags" | "targets">;

/** What a load balancer is made with (CreateLoadBalancer); `securityGroups` are ids. */
export interface NewLoadBalancer {
  readonly name: string;
  readonly scheme: BalancerScheme;
  readonly ipAddressType: IpAddressType;
  readonly subnets: readonly SubnetMapping[];
  readonly securityGroups: readonly string[];
  readonly prefixForIpv6SourceNat: "on" | "off" | undefined;
  readonly tags: Tags;
}

/** Lists are complete: paging is done inside. */
export interface AwsApi {
  // Elastic Load Balancing v2
  describeLoadBalancers(by?: {
    arns?: readonly string[];
    names?: readonly string[];
  }): Promise<BareLoadBalancer[]>;
  describeLoadBalancerAttributes(arn: string): Promise<Record<string, string>>;
  /** Tags by ARN, of load balancers, listeners and target groups; any number (asked for 20 at a time). */
  describeTags(arns: readonly string[]): Promise<Map<string, Tags>>;
  createLoadBalancer(spec: NewLoadBalancer): Promise<BareLoadBalancer>;
  deleteLoadBalancer(arn: string): Promise<void>;
  modifyLoadBalancerAttributes(arn: string, attributes: Readonly<Record<string, string>>): Promise<void>;
  setIpAddressType(arn: string, type: IpAddressType): Promise<void>;
  setSubnets(arn: string, subnets: readonly SubnetMapping[], prefix: "on" | "off" | undefined): Promise<void>;
  setSecurityGroups(
    arn: string,
    groups: readonly string[],
    onPrivateLink: "on" | "off" | undefined,
  ): Promise<void>;
  modifyCapacity(arn: string, units: number | undefined): Promise<void>;
  addTags(arn: string, tags: Tags): Promise<void>;
  removeTags(arn: string, keys: readonly string[]): Promise<void>;

  describeListeners(loadBalancer: string): Promise<BareListener[]>;
  describeListenerAttributes(arn: string): Promise<Record<string, string>>;
  describeListenerCertificates(arn: string): Promise<string[]>;
  /** `forward` of the spec names ARNs here. */
  createListener(loadBalancer: string, spec: DesiredListener): Promise<BareListener>;
  modifyListener(arn: string, spec: DesiredListener): Promise<void>;
  modifyListenerAttributes(arn: string, attributes: Readonly<Record<string, string>>): Promise<void>;
  addListenerCertificates(arn: string, certificates: readonly string[]): Promise<void>;
  removeListenerCertificates(arn: string, certificates: readonly string[]): Promise<void>;
  deleteListener(arn: string): Promise<void>;

  describeTargetGroups(by?: {
    arns?: readonly string[];
    names?: readonly string[];
    loadBalancer?: string;
  }): Promise<BareTargetGroup[]>;
  describeTargetGroupAttributes(arn: string): Promise<Record<string, string>>;
  describeTargetHealth(
    arn: string,
  ): Promise<(Target & { readonly health: string; readonly reason?: string })[]>;
  createTargetGroup(spec: Omit<DesiredTargetGroup, "targets" | "attributes">): Promise<BareTargetGroup>;
  modifyTargetGroup(arn: string, healthCheck: HealthCheck): Promise<void>;
  modifyTargetGroupAttributes(arn: string, attributes: Readonly<Record<string, string>>): Promise<void>;
  registerTargets(arn: string, targets: readonly Target[]): Promise<void>;
  deregisterTargets(arn: string, targets: readonly Target[]): Promise<void>;
  deleteTargetGroup(arn: string): Promise<void>;

  // EC2
  describeVpc(vpcId: string): Promise<{ ipv4Cidrs: string[]; ipv6Cidrs: string[] } | undefined>;
  /** All of a VPC, with what their route tables say. */
  describeSubnets(vpcId: string): Promise<Subnet[]>;
  describeSecurityGroups(by: {
    vpcId: string;
    ids?: readonly string[];
    tags?: Readonly<Record<string, string>>;
  }): Promise<SecurityGroup[]>;
  /** The groups of nodes' network interfaces, by instance id. */
  describeInstanceGroups(instanceIds: readonly string[]): Promise<Map<string, string[]>>;
  createSecurityGroup(spec: {
    name: string;
    description: string;
    vpcId: string;
    tags: Tags;
  }): Promise<string>;
  authorizeIngress(group: string, rules: readonly SecurityRule[]): Promise<void>;
  revokeIngress(group: string, rules: readonly SecurityRule[]): Promise<void>;
  deleteSecurityGroup(id: string): Promise<void>;
  tagResources(ids: readonly string[], tags: Tags): Promise<void>;
  untagResources(ids: readonly string[], keys: readonly string[]): Promise<void>;
}
