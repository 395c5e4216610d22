/** What the fake of AWS holds: one region of one account. Plain records that the calls' functions change in place. */
import { createHash } from "node:crypto";
import type {
  DesiredListener,
  IpAddressType,
  SecurityRule,
  Subnet,
  SubnetMapping,
  Target,
} from "../../../src/balancer/aws/model.ts";
import type { AwsApi } from "../../../src/balancer/aws/api.ts";
import type { BalancerScheme, HealthCheck } from "../../../src/traffic/balancer/model.ts";

/** The calls of the API as functions over a world; they throw {@link Refusal}. */
export type Calls = {
  [K in keyof AwsApi]: (world: World, ...args: Parameters<AwsApi[K]>) => Awaited<ReturnType<AwsApi[K]>>;
};

/** AWS says no: its code and its words. */
export class Refusal extends Error {
  readonly code: string;
  constructor(code: string, message: string) {
    super(message);
    this.name = "Refusal";
    this.code = code;
  }
}

/** Refuses where a condition does not hold. */
export function insist(condition: unknown, code: string, message: string): asserts condition {
  if (!condition) throw new Refusal(code, message);
}

/** Times are milliseconds of the world's clock. */
export interface WorldOptions {
  readonly region: string;
  readonly account: string;
  /** How long a new load balancer is `provisioning`. */
  readonly provisioningMs: number;
  /** How long a target of a used group is `initial`. */
  readonly healthyAfterMs: number;
  /** How long a deleted load balancer still holds its security groups and target groups. */
  readonly lingerMs: number;
  /** How long a new security group is not seen by other calls: EC2 is consistent eventually. */
  readonly groupVisibleAfterMs: number;
  /** Whether a create with other tags than the existing thing's is one with the same settings. */
  readonly idempotencyIgnoresTags: boolean;
  readonly quotas: Quotas;
}

/** AWS's own limits (facts: NLB quotas). */
export interface Quotas {
  readonly loadBalancers: number;
  readonly listeners: number;
  readonly targetGroups: number;
  readonly targetsPerGroup: number;
  /** Per load balancer and zone, over all its target groups. */
  readonly targetsPerZone: number;
  readonly securityGroupsPerLoadBalancer: number;
  readonly securityGroups: number;
  readonly rulesPerGroup: number;
  readonly certificatesPerListener: number;
}

/** A VPC. */
export interface FakeVpc {
  readonly id: string;
  ipv4Cidrs: string[];
  ipv6Cidrs: string[];
  internetGateway: boolean;
}

/** An instance. */
export interface FakeInstance {
  readonly id: string;
  readonly vpcId: string;
  readonly subnetId: string;
  state: "running" | "stopped" | "terminated";
  groups: string[];
}

/** A security group. */
export interface FakeGroup {
  readonly id: string;
  readonly name: string;
  readonly description: string;
  readonly vpcId: string;
  rules: SecurityRule[];
  /** When other calls begin to see it. */
  readonly visibleAt: number;
  tags: Record<string, string>;
}

/** A load balancer. */
export interface FakeLoadBalancer {
  readonly arn: string;
  readonly name: string;
  readonly dnsName: string;
  readonly scheme: BalancerScheme;
  readonly vpcId: string;
  readonly createdAt: number;
  /** Of another type than the network one: only to be seen, never ours. */
  readonly type: "network" | "application" | "gateway";
  ipAddressType: IpAddressType;
  subnets: SubnetMapping[];
  securityGroups: string[];
  prefixForIpv6SourceNat: "on" | "off" | undefined;
  inboundRulesOnPrivateLink: "on" | "off" | undefined;
  capacityUnits: number | undefined;
  failed: boolean;
  /** An endpoint service of PrivateLink uses it: it cannot be deleted. */
  endpointService: boolean;
  attributes: Record<string, string>;
  tags: Record<string, string>;
}

/** A listener. */
export interface FakeListener {
  readonly arn: string;
  readonly loadBalancer: string;
  port: number;
  protocol: DesiredListener["protocol"];
  forward: DesiredListener["forward"];
  sticky: boolean;
  defaultCertificate: string | undefined;
  otherCertificates: string[];
  sslPolicy: string | undefined;
  alpnPolicy: string | undefined;
  attributes: Record<string, string>;
  tags: Record<string, string>;
}

/** A target group. */
export interface FakeTargetGroup {
  readonly arn: string;
  readonly name: string;
  readonly protocol: DesiredListener["protocol"];
  readonly port: number;
  readonly targetType: "instance" | "ip" | "alb" | "lambda";
  readonly ipAddressType: "ipv4" | "ipv6";
  readonly vpcId: string;
  healthCheck: HealthCheck;
  attributes: Record<string, string>;
  /** By `id:port`. */
  targets: Map<string, FakeTarget>;
  /** When a listener came to use it; undefined while none does. */
  usedSince: number | undefined;
  tags: Record<string, string>;
}

/** A registered target, with its health. */
export interface FakeTarget extends Target {
  registeredAt: number;
  /** When it is gone; undefined unless it is draining. */
  drainedAt: number | undefined;
}

/** Everything; maps are by id or ARN. */
export interface World {
  readonly options: WorldOptions;
  readonly now: () => number;
  readonly vpcs: Map<string, FakeVpc>;
  readonly subnets: Map<string, Subnet>;
  readonly instances: Map<string, FakeInstance>;
  readonly groups: Map<string, FakeGroup>;
  readonly loadBalancers: Map<string, FakeLoadBalancer>;
  readonly listeners: Map<string, FakeListener>;
  readonly targetGroups: Map<string, FakeTargetGroup>;
  readonly certificates: Set<string>;
  /** Elastic addresses by allocation id: the ARN of the load balancer that has it. */
  readonly allocations: Map<string, string | undefined>;
  readonly prefixLists: Set<string>;
  /** Until when a deleted load balancer's interfaces hold a group (security or target), by id or ARN. */
  readonly lingering: Map<string, number>;
  /** What tests say of a target's health, by target id. */
  readonly healthOverrides: Map<string, string>;
  counter: number;
}

/** A new hexadecimal id, the same ones in every run. */
export function nextId(world: World, digits: number): string {
  world.counter++;
  return createHash("sha256").update(`id ${world.counter}`).digest("hex").slice(0, digits);
}

/** An ARN of the account and region. */
export function arnOf(world: World, rest: string): string {
  return `arn:aws:elasticloadbalancing:${world.options.region}:${world.options.account}:${rest}`;
}

/** Tags as AWS takes them: at most 50, no key of AWS's own. */
export function checkTags(
  tags: Readonly<Record<string, string>>,
  had: Readonly<Record<string, string>> = {},
) {
  insist(Object.keys({ ...had, ...tags }).length <= 50, "TooManyTags", "at most 50 tags a resource");
  for (const [key, value] of Object.entries(tags)) {
    insist(!key.toLowerCase().startsWith("aws:"), "ValidationError", `tag key '${key}' is reserved`);
    insist(key.length >= 1 && key.length <= 128, "ValidationError", `tag key '${key}' is too long or empty`);
    insist(value.length <= 256, "ValidationError", `tag value of '${key}' is too long`);
  }
}

/** Whether two records have the same keys and values. */
export function sameRecord(
  a: Readonly<Record<string, string>>,
  b: Readonly<Record<string, string>>,
): boolean {
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => a[key] === b[key]);
}
