/**
 * A FAKE of AWS for tests: EC2 and ELBv2 of one region, in memory, strict where moto is not (facts: moto's list).
 * `new FakeAws()` has the state, `addVpc` and its kin make the surroundings, `connect()` gives an `AwsApi` to code
 * under test, with faults by call. Time is an injected clock.
 */
import type { AwsApi } from "../../../src/balancer/aws/api.ts";
import type { Subnet } from "../../../src/balancer/aws/model.ts";
import { FakeClock } from "./clock.ts";
import type { ConnectOptions, FakeConnection } from "./connection.ts";
import { connection } from "./connection.ts";
import { listenerCalls } from "./listeners.ts";
import { dropLoadBalancer, loadBalancerCalls } from "./load-balancers.ts";
import { networkCalls } from "./network.ts";
import { tagCalls } from "./tags.ts";
import { targetGroupCalls } from "./target-groups.ts";
import type { Calls, FakeInstance, Quotas, World, WorldOptions } from "./world.ts";
import { nextId } from "./world.ts";

export type { FakeCall, FakeConnection, Fault } from "./connection.ts";
export { FakeClock } from "./clock.ts";
export { Refusal } from "./world.ts";

const QUOTAS: Quotas = {
  loadBalancers: 50,
  listeners: 50,
  targetGroups: 3000,
  targetsPerGroup: 1000,
  targetsPerZone: 500,
  securityGroupsPerLoadBalancer: 5,
  securityGroups: 2500,
  rulesPerGroup: 60,
  certificatesPerListener: 25,
};

const CALLS: Calls = {
  ...loadBalancerCalls,
  ...listenerCalls,
  ...targetGroupCalls,
  ...tagCalls,
  ...networkCalls,
};
const NAMES = Object.keys(CALLS) as (keyof AwsApi)[];

/** The same functions without promises: for tests that arrange or ask without counting as a caller. */
export type SyncApi = {
  [K in keyof AwsApi]: (...args: Parameters<AwsApi[K]>) => Awaited<ReturnType<AwsApi[K]>>;
};

/** What the fake account is like. */
export type FakeAwsOptions = Partial<Omit<WorldOptions, "quotas">> & {
  readonly quotas?: Partial<Quotas>;
  /** Where time comes from; a {@link FakeClock} of its own unless told. */
  readonly clock?: { readonly now: () => number };
};

/** The fake account: connections to it, its faults, and what is in it. */
export class FakeAws {
  /** All that exists; tests may look at it and change it. */
  readonly world: World;
  /** The functions without connection, faults or promises; they throw {@link Refusal}. */
  readonly now: SyncApi;
  /** The clock where none was given. */
  readonly clock = new FakeClock();

  constructor(options: FakeAwsOptions = {}) {
    const { quotas, clock, ...rest } = options;
    this.world = {
      options: {
        region: "eu-west-1",
        account: "123456789012",
        provisioningMs: 60_000,
        healthyAfterMs: 30_000,
        lingerMs: 5_000,
        groupVisibleAfterMs: 0,
        idempotencyIgnoresTags: false,
        ...rest,
        quotas: { ...QUOTAS, ...quotas },
      },
      now: (clock ?? this.clock).now,
      vpcs: new Map(),
      subnets: new Map(),
      instances: new Map(),
      groups: new Map(),
      loadBalancers: new Map(),
      listeners: new Map(),
      targetGroups: new Map(),
      certificates: new Set(),
      allocations: new Map(),
      prefixLists: new Set(),
      lingering: new Map(),
      healthOverrides: new Map(),
      counter: 0,
    };
    const perform =
      (name: keyof AwsApi) =>
      (...args: unknown[]) =>
        this.#perform(name, args);
    this.now = Object.fromEntries(NAMES.map((name) => [name, perform(name)])) as unknown as SyncApi;
  }

  #perform(name: keyof AwsApi, args: readonly unknown[]): unknown {
    const call = CALLS[name] as (world: World, ...rest: unknown[]) => unknown;
    // what comes in and goes out is never shared with the state
    return structuredClone(call(this.world, ...structuredClone(args)));
  }

  /** A process's connection; a killed one is replaced by connecting again. */
  connect(options: ConnectOptions = {}): FakeConnection {
    return connection((name, args) => this.#perform(name, args), NAMES, options);
  }

  /** A VPC with an internet gateway; its IPv6 range is what Amazon would provide, unless there is to be none. */
  addVpc(
    id = "vpc-1",
    { ipv4 = "10.0.0.0/16", ipv6 = "2a05:d018:1234:5600::/56" as string | undefined } = {},
  ): string {
    this.world.vpcs.set(id, {
      id,
      ipv4Cidrs: [ipv4],
      ipv6Cidrs: ipv6 === undefined ? [] : [ipv6],
      internetGateway: true,
    });
    return id;
  }

  /** A subnet; by its last character, as `subnet-a`, it is of zone `<region>a`. */
  addSubnet(subnet: Partial<Subnet> & { readonly id: string }): string {
    this.world.subnets.set(subnet.id, {
      vpcId: "vpc-1",
      availabilityZone: `${this.world.options.region}${subnet.id.slice(-1)}`,
      locale: "availability-zone",
      ipv4Cidr: undefined,
      ipv6Cidrs: [],
      freeIpv4Addresses: 250,
      public: true,
      tags: {},
      ...subnet,
    });
    return subnet.id;
  }

  addInstance(instance: Partial<FakeInstance> & { readonly id: string; readonly subnetId: string }): string {
    const vpcId = this.world.subnets.get(instance.subnetId)?.vpcId ?? "vpc-1";
    this.world.instances.set(instance.id, { vpcId, state: "running", groups: [], ...instance });
    return instance.id;
  }

  /** A security group that is someone else's. */
  addSecurityGroup(name: string, vpcId = "vpc-1", tags: Record<string, string> = {}): string {
    const id = `sg-${nextId(this.world, 17)}`;
    this.world.groups.set(id, { id, name, description: name, vpcId, rules: [], visibleAt: 0, tags });
    return id;
  }

  /** A certificate of ACM, by the ARN that it gets. */
  addCertificate(name: string): string {
    const arn = `arn:aws:acm:${this.world.options.region}:${this.world.options.account}:certificate/${name}`;
    this.world.certificates.add(arn);
    return arn;
  }

  /** What health checks say of a target from now on; undefined: what time says. */
  setHealth(targetId: string, health: string | undefined): void {
    if (health === undefined) this.world.healthOverrides.delete(targetId);
    else this.world.healthOverrides.set(targetId, health);
  }

  /** A load balancer goes without anyone's call, as an operator's hand in the console does it. */
  loseLoadBalancer(arn: string): void {
    const it = this.world.loadBalancers.get(arn);
    if (it !== undefined) dropLoadBalancer(this.world, it);
  }

  /** Numbers of what exists: nothing more than expected is an orphan. */
  census(): { loadBalancers: number; listeners: number; targetGroups: number; securityGroups: number } {
    const { loadBalancers, listeners, targetGroups, groups } = this.world;
    return {
      loadBalancers: loadBalancers.size,
      listeners: listeners.size,
      targetGroups: targetGroups.size,
      securityGroups: groups.size,
    };
  }
}

/**
 * A fake with the usual surroundings: a dual-stack VPC, public subnets `subnet-a`, `subnet-b` and private ones
 * `subnet-pa`, `subnet-pb` (as /24 and /64 each), an instance `i-…` in each zone with the node group `nodes`.
 */
export function usualAws(options: FakeAwsOptions = {}): FakeAws & { readonly nodeGroup: string } {
  const aws = new FakeAws(options);
  aws.addVpc();
  ["subnet-a", "subnet-b", "subnet-pa", "subnet-pb"].forEach((id, index) => {
    const isPublic = index < 2;
    aws.addSubnet({
      id,
      ipv4Cidr: `10.0.${index}.0/24`,
      ipv6Cidrs: [`2a05:d018:1234:56${index.toString().padStart(2, "0")}::/64`],
      public: isPublic,
      tags: { Name: id, [isPublic ? "kubernetes.io/role/elb" : "kubernetes.io/role/internal-elb"]: "1" },
    });
  });
  const nodeGroup = aws.addSecurityGroup("nodes");
  aws.addInstance({ id: "i-0aaaaaaaaaaaaaaa1", subnetId: "subnet-a", groups: [nodeGroup] });
  aws.addInstance({ id: "i-0aaaaaaaaaaaaaaa2", subnetId: "subnet-b", groups: [nodeGroup] });
  return Object.assign(aws, { nodeGroup });
}
