/** One look at everything of a VPC: whose each thing is, told by tags. Kept between looks, changed by what we write. */
import { type AwsApi, AwsError, type BareLoadBalancer, type BareTargetGroup } from "./api.ts";
import type { Tagged } from "./migration.ts";
import { type SecurityGroup, type Subnet, TAG, type Tags } from "./model.ts";

/** Tags of what Tandem made for a cluster of this name. */
export function isOfName(tags: Tags, clusterName: string): boolean {
  return tags[TAG.cluster] === clusterName && tags[TAG.owner] === "tandem";
}

/** Of this very cluster, as far as is known: what has no uid is from before uids were tagged, or is shared by name. */
function isOurs(tags: Tags, { clusterName, clusterUid, formerUids = [] }: Place): boolean {
  const uid = tags[TAG.clusterUid];
  const known = [undefined, clusterUid, ...formerUids];
  return isOfName(tags, clusterName) && (clusterUid === undefined || known.includes(uid));
}

/** What of one Service a listing has; `key` is `namespace/name`. */
export interface ListedStack {
  readonly loadBalancers: Tagged<BareLoadBalancer>[];
  readonly targetGroups: Tagged<BareTargetGroup>[];
  readonly securityGroups: SecurityGroup[];
}

/** Where a listing is made. */
export interface Place {
  readonly clusterName: string;
  readonly vpcId: string;
  /** Undefined where nobody knows it: then the name alone says what is the cluster's. */
  readonly clusterUid?: string | undefined;
  /** Of clusters that are no more, whose things are this one's now. */
  readonly formerUids?: readonly string[] | undefined;
}

/** All load balancers and target groups of the region, and the VPC's network. */
export class Listing {
  readonly at: number;
  readonly loadBalancers = new Map<string, Tagged<BareLoadBalancer>>();
  readonly targetGroups = new Map<string, Tagged<BareTargetGroup>>();
  readonly securityGroups = new Map<string, SecurityGroup>();
  readonly subnets: readonly Subnet[];
  readonly vpc: { readonly ipv4Cidrs: readonly string[]; readonly ipv6Cidrs: readonly string[] };
  readonly #place: Place;
  /** By `key uid`; made anew after changes. */
  #stacks: Map<string, ListedStack> | undefined;
  #names: Names | undefined;
  #strangers: ListedStack | undefined;

  constructor(place: Place, at: number, subnets: readonly Subnet[], vpc: Listing["vpc"]) {
    this.#place = place;
    this.at = at;
    this.subnets = subnets;
    this.vpc = vpc;
  }

  /** What is ours and of this Service. */
  stackOf(key: string, uid: string): ListedStack {
    this.#stacks ??= this.#sort();
    return this.#stacks.get(`${key} ${uid}`) ?? { loadBalancers: [], targetGroups: [], securityGroups: [] };
  }

  /** Ids by name of everything. */
  names(): Names {
    this.#names ??= {
      loadBalancers: byName(this.loadBalancers.values()),
      targetGroups: byName(this.targetGroups.values()),
      securityGroups: new Map([...this.securityGroups.values()].map(({ name, id }) => [name, id])),
    };
    return this.#names;
  }

  /** All of this cluster that Tandem made. */
  ours(): ListedStack {
    return this.#those((tags) => isOurs(tags, this.#place));
  }

  /** What Tandem made for other clusters of this one's name. */
  strangers(): ListedStack {
    this.#strangers ??= this.#those(
      (tags) => isOfName(tags, this.#place.clusterName) && !isOurs(tags, this.#place),
    );
    return this.#strangers;
  }

  #those(wanted: (tags: Tags) => boolean): ListedStack {
    const fits = ({ tags }: { tags: Tags }): boolean => wanted(tags);
    return {
      loadBalancers: [...this.loadBalancers.values()].filter(fits),
      targetGroups: [...this.targetGroups.values()].filter(fits),
      securityGroups: [...this.securityGroups.values()].filter(fits),
    };
  }

  /** To be called after the maps were changed. */
  changed(): void {
    this.#stacks = undefined;
    this.#names = undefined;
    this.#strangers = undefined;
  }

  #sort(): Map<string, ListedStack> {
    const stacks = new Map<string, ListedStack>();
    const of = (tags: Tags): ListedStack => {
      const key = `${tags[TAG.stack] ?? ""} ${tags[TAG.uid] ?? ""}`;
      const stack = stacks.get(key) ?? { loadBalancers: [], targetGroups: [], securityGroups: [] };
      stacks.set(key, stack);
      return stack;
    };
    const { loadBalancers, targetGroups, securityGroups } = this.ours();
    for (const it of loadBalancers) of(it.tags).loadBalancers.push(it);
    for (const it of targetGroups) of(it.tags).targetGroups.push(it);
    for (const it of securityGroups) of(it.tags).securityGroups.push(it);
    return stacks;
  }
}

/** Ids by name. */
export interface Names {
  readonly loadBalancers: ReadonlyMap<string, string>;
  readonly targetGroups: ReadonlyMap<string, string>;
  readonly securityGroups: ReadonlyMap<string, string>;
}

function byName(things: Iterable<{ name: string; arn: string }>): Map<string, string> {
  return new Map([...things].map(({ name, arn }) => [name, arn]));
}

const GONE = /^(LoadBalancer|TargetGroup|Listener|InvalidGroup\.|InvalidPermission\.)NotFound(Exception)?$/;

/** Whether an answer says that a thing of ours is not there (any more). */
export function isNotFound(error: unknown): boolean {
  return error instanceof AwsError && GONE.test(error.code);
}

/** Tags that were read before, with when. */
export type TagCache = Map<string, { readonly tags: Tags; readonly at: number }>;

/**
 * Reads everything anew, but tags only of what is not in the cache or older than `tagsMaxAgeMs`: tags take a call for
 * every twenty things. Throws {@link AwsError}.
 */
export async function readListing(
  api: AwsApi,
  place: Place,
  tags: TagCache,
  { now, tagsMaxAgeMs }: { now: number; tagsMaxAgeMs: number },
): Promise<Listing> {
  const { vpcId } = place;
  const [balancers, groups, securityGroups, subnets, vpc] = await Promise.all([
    api.describeLoadBalancers(),
    api.describeTargetGroups(),
    api.describeSecurityGroups({ vpcId }),
    api.describeSubnets(vpcId),
    api.describeVpc(vpcId),
  ]);
  const listing = new Listing(place, now, subnets, vpc ?? { ipv4Cidrs: [], ipv6Cidrs: [] });
  const here = [...balancers, ...groups].filter((it) => it.vpcId === vpcId).map(({ arn }) => arn);
  const unknown = here.filter((arn) => now - (tags.get(arn)?.at ?? -Infinity) > tagsMaxAgeMs);
  await readTags(api, unknown, tags, now);
  forgetOthers(tags, new Set(here));
  const tagged = <T extends { arn: string }>(it: T): Tagged<T> => ({
    ...it,
    tags: tags.get(it.arn)?.tags ?? {},
  });
  for (const it of balancers) listing.loadBalancers.set(it.arn, tagged(it));
  for (const it of groups) listing.targetGroups.set(it.arn, tagged(it));
  for (const it of securityGroups) listing.securityGroups.set(it.id, it);
  return listing;
}

/** Reads the tags of these into the cache. */
export async function readTags(
  api: AwsApi,
  arns: readonly string[],
  cache: TagCache,
  now: number,
): Promise<void> {
  if (arns.length === 0) return;
  for (const [arn, tags] of await api.describeTags(arns)) cache.set(arn, { tags, at: now });
}

function forgetOthers(cache: TagCache, known: ReadonlySet<string>): void {
  for (const arn of cache.keys()) if (!known.has(arn)) cache.delete(arn);
}
