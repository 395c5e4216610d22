/**
 * What exists, for one Service at a time, from a memory that all Services share: one listing of everything, and details
 * of each thing read once. What we write is read anew; everything is, after a while, and after any surprise.
 */
import type { AwsApi, BareListener } from "./api.ts";
import { isNotFound, type ListedStack, type Listing, type Names, type Place } from "./listing.ts";
import { type ListingAges, ListingMemory } from "./listing-memory.ts";
import { isPredecessor } from "./migration.ts";
import type {
  CurrentStack,
  Listener,
  LoadBalancer,
  SecurityGroup,
  Surroundings,
  Tags,
  TargetGroup,
} from "./model.ts";
import type { Predecessor } from "./plan/input.ts";
import { type Strangers, strangersIn } from "./strangers.ts";

/** How old what is remembered may be, in milliseconds. */
export interface Ages extends ListingAges {
  /** Listeners, attributes, targets and their health. */
  readonly details: number;
  /** The security groups of instances. */
  readonly instances: number;
}

/**
 * One listing serves all Services of a minute; what other hands change in details is found after two hours (the AWS
 * controller compares every ten).
 */
const DEFAULT_AGES: Ages = {
  listing: 60_000,
  tags: 20 * 60_000,
  details: 2 * 60 * 60_000,
  instances: 10 * 60_000,
};

/** What is known of one Service's things, and of what is around them. */
export interface View {
  readonly current: CurrentStack;
  readonly predecessors: readonly Predecessor[];
  /** Target groups of predecessors that no load balancer uses any more. */
  readonly leftovers: readonly Pick<TargetGroup, "arn" | "name">[];
  readonly names: Names;
  readonly surroundings: Surroundings;
  /** Another cluster that has this one's name. */
  readonly strangers: Strangers | undefined;
}

interface Details<T> {
  readonly at: number;
  readonly value: T;
}

type BalancerDetails = Pick<LoadBalancer, "attributes" | "listeners">;
type GroupDetails = Pick<TargetGroup, "attributes" | "targets">;

const TRIES = 3;

/** The memory. */
export class Inventory {
  readonly #api: AwsApi;
  readonly #place: Place;
  readonly #now: () => number;
  readonly #ages: Ages;
  readonly #listings: ListingMemory;
  readonly #balancers = new Map<string, Details<BalancerDetails>>();
  readonly #groups = new Map<string, Details<GroupDetails>>();
  readonly #instances = new Map<string, Details<readonly string[]>>();
  /** The listing that details were last compared with. */
  #compared: Listing | undefined;

  constructor(api: AwsApi, place: Place, now: () => number, ages: Ages = DEFAULT_AGES) {
    this.#api = api;
    this.#place = place;
    this.#now = now;
    this.#ages = ages;
    this.#listings = new ListingMemory(api, place, now, ages);
  }

  /** What exists for a Service. Throws AwsError. */
  async viewOf(service: { key: string; uid: string }, listenerAttributes = true): Promise<View> {
    for (let tries = 1; ; tries++)
      try {
        const listing = await this.listing(service.key);
        this.#forgetOthers(listing);
        const current = await this.#detailed(listing.stackOf(service.key, service.uid), listenerAttributes);
        return {
          current,
          ...this.#predecessors(listing, service.key),
          names: listing.names(),
          surroundings: this.#surroundings(listing),
          strangers: strangersIn(listing),
        };
      } catch (error) {
        // gone between two calls: what is remembered is not so any more
        if (!isNotFound(error) || tries === TRIES) throw error;
        this.surprised();
      }
  }

  /** The listing as a Service may believe it; without one: as all may. Read anew where `fresh` is asked for. */
  listing(owner?: string, fresh = false): Promise<Listing> {
    return this.#listings.get(owner, fresh);
  }

  /** To be called for whatever of a Service was written to, made, or is to be looked at again. */
  touched(owner: string, ids: readonly string[]): void {
    this.#listings.touched(owner, ids);
    for (const id of ids) this.#forget(id);
  }

  /** To be called for what we deleted. */
  gone(id: string): void {
    this.#listings.gone(id);
    this.#forget(id);
  }

  #forget(id: string): void {
    this.#balancers.delete(id);
    this.#groups.delete(id);
  }

  /** Whether the listing has this ARN or id, or there is none that could tell. */
  knows(id: string): boolean {
    return this.#listings.knows(id);
  }

  /** To be called when something was not as remembered: the next look is at everything. */
  surprised(): void {
    this.#listings.surprised();
  }

  /** The security groups of instances, by instance id; those of unknown instances are left out. */
  async groupsOf(instanceIds: readonly string[]): Promise<Map<string, readonly string[]>> {
    const since = this.#now() - this.#ages.instances;
    const unknown = instanceIds.filter((id) => (this.#instances.get(id)?.at ?? -Infinity) < since);
    if (unknown.length > 0) {
      const read = await this.#api.describeInstanceGroups(unknown);
      const at = this.#now();
      for (const id of unknown) this.#instances.set(id, { at, value: read.get(id) ?? [] });
    }
    const known = instanceIds.map((id) => [id, this.#instances.get(id)?.value ?? []] as const);
    return new Map(known.filter(([, groups]) => groups.length > 0));
  }

  /** Details of what a new listing does not have are of no use. */
  #forgetOthers(listing: Listing): void {
    if (this.#compared === listing) return;
    this.#compared = listing;
    const { loadBalancers, targetGroups } = listing;
    for (const arn of this.#balancers.keys()) if (!loadBalancers.has(arn)) this.#balancers.delete(arn);
    for (const arn of this.#groups.keys()) if (!targetGroups.has(arn)) this.#groups.delete(arn);
  }

  async #detailed(listed: ListedStack, listenerAttributes: boolean): Promise<CurrentStack> {
    const [loadBalancers, targetGroups] = await Promise.all([
      Promise.all(
        listed.loadBalancers.map(async (it) => ({
          ...it,
          ...(await this.#balancer(it.arn, listenerAttributes)),
        })),
      ),
      Promise.all(listed.targetGroups.map(async (it) => ({ ...it, ...(await this.#group(it.arn)) }))),
    ]);
    return { loadBalancers, targetGroups, securityGroups: listed.securityGroups };
  }

  #balancer(arn: string, listenerAttributes: boolean): Promise<BalancerDetails> {
    return this.#remembered(this.#balancers, arn, async () => {
      const [attributes, bare] = await Promise.all([
        this.#api.describeLoadBalancerAttributes(arn),
        this.#api.describeListeners(arn),
      ]);
      return { attributes, listeners: await this.#listeners(bare, listenerAttributes) };
    });
  }

  async #listeners(bare: readonly BareListener[], withAttributes: boolean): Promise<Listener[]> {
    if (bare.length === 0) return [];
    const api = this.#api;
    const tags = await api.describeTags(bare.map(({ arn }) => arn));
    return Promise.all(
      bare.map(async ({ defaultCertificates, ...it }) => ({
        ...it,
        tags: tags.get(it.arn) ?? {},
        attributes: withAttributes ? await api.describeListenerAttributes(it.arn) : {},
        certificates:
          it.protocol === "TLS"
            ? withDefaultFirst(defaultCertificates, await api.describeListenerCertificates(it.arn))
            : [],
      })),
    );
  }

  #group(arn: string): Promise<GroupDetails> {
    return this.#remembered(this.#groups, arn, async () => {
      const [attributes, targets] = await Promise.all([
        this.#api.describeTargetGroupAttributes(arn),
        this.#api.describeTargetHealth(arn),
      ]);
      return { attributes, targets };
    });
  }

  async #remembered<T>(memory: Map<string, Details<T>>, id: string, read: () => Promise<T>): Promise<T> {
    const known = memory.get(id);
    if (known !== undefined && this.#now() - known.at <= this.#ages.details) return known.value;
    const at = this.#now();
    const value = await read();
    memory.set(id, { at, value });
    return value;
  }

  #predecessors(listing: Listing, key: string): Pick<View, "predecessors" | "leftovers"> {
    const { clusterName, vpcId } = this.#place;
    const mine = <T extends { vpcId: string; tags: Tags }>(things: Iterable<T>): T[] =>
      [...things].filter((it) => it.vpcId === vpcId && isPredecessor(it, { key, clusterName }));
    const groups = [...listing.targetGroups.values()];
    const predecessors = mine(listing.loadBalancers.values()).map((balancer) => ({
      balancer,
      targetGroups: groups.filter(({ loadBalancers }) => loadBalancers.includes(balancer.arn)),
    }));
    return {
      predecessors,
      leftovers: mine(groups).filter(({ loadBalancers }) => loadBalancers.length === 0),
    };
  }

  #surroundings(listing: Listing): Surroundings {
    return {
      ...this.#place,
      vpcIpv4Cidrs: listing.vpc.ipv4Cidrs,
      vpcIpv6Cidrs: listing.vpc.ipv6Cidrs,
      subnets: listing.subnets,
      securityGroups: securityGroupsOf(listing),
    };
  }
}

/** All security groups of the listing's VPC. */
export function securityGroupsOf(listing: Listing): SecurityGroup[] {
  return [...listing.securityGroups.values()];
}

function withDefaultFirst(first: readonly string[], all: readonly string[]): string[] {
  return [...new Set([...first, ...all])];
}
