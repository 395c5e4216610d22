/**
 * One listing for all Services, kept up to date: read whole when it is old or was wrong, and otherwise only what was
 * written to since. Reads never overlap, so that none brings back what another has seen to be over.
 */
import type { AwsApi } from "./api.ts";
import { isNotFound, type Listing, type Place, readListing, readTags, type TagCache } from "./listing.ts";

/** How old it may be, in milliseconds. */
export interface ListingAges {
  /** What there is, security groups with their rules, subnets. */
  readonly listing: number;
  readonly tags: number;
}

/** The owner of what all Services share: its news concerns each of them. */
export const EVERYONE = "";

const TRIES = 3;

interface Refresh {
  readonly ids: ReadonlyMap<string, string>;
  readonly done: Promise<void>;
}

/** The memory. Owners are Services by `namespace/name`: each waits only for news of its own things. */
export class ListingMemory {
  readonly #api: AwsApi;
  readonly #place: Place;
  readonly #now: () => number;
  readonly #ages: ListingAges;
  readonly #tags: TagCache = new Map();
  /** Owners by the ids of what was written to, or waited for, since it was read. */
  #stale = new Map<string, string>();
  #listing: Listing | undefined;
  #reading: Promise<void> | undefined;
  #refreshing: Refresh | undefined;
  /** Counts surprises: what was being read when one came is not believed. */
  #surprises = 0;

  constructor(api: AwsApi, place: Place, now: () => number, ages: ListingAges) {
    this.#api = api;
    this.#place = place;
    this.#now = now;
    this.#ages = ages;
  }

  /** The listing as an owner may believe it; `fresh`: read anew, whatever is remembered. Throws AwsError. */
  async get(owner: string | undefined, fresh = false): Promise<Listing> {
    let read = fresh;
    for (let first = true; ; first = false) {
      const old = first && this.#now() - (this.#listing?.at ?? -Infinity) > this.#ages.listing;
      if (read || old || this.#listing === undefined || this.#reading !== undefined) {
        read = false;
        await (this.#reading ?? this.#read());
      } else if (this.#refreshing !== undefined && concerns(this.#refreshing.ids, owner))
        await this.#refreshing.done;
      else if (!concerns(this.#stale, owner)) return this.#listing;
      else await (this.#refreshing?.done ?? this.#refresh(this.#listing));
    }
  }

  /** To be called for whatever was written to, made, or is to be looked at again. */
  touched(owner: string, ids: readonly string[]): void {
    for (const id of ids) this.#stale.set(id, owner);
  }

  /** To be called for what we deleted. */
  gone(id: string): void {
    this.#stale.delete(id);
    this.#listing?.loadBalancers.delete(id);
    this.#listing?.targetGroups.delete(id);
    this.#listing?.securityGroups.delete(id);
    this.#listing?.changed();
  }

  /** Whether the listing has this ARN or id, or there is none that could tell. */
  knows(id: string): boolean {
    const listing = this.#listing;
    if (listing === undefined) return true;
    return [listing.loadBalancers, listing.targetGroups, listing.securityGroups].some((map) => map.has(id));
  }

  /** To be called when something was not as remembered: the next look is at everything. */
  surprised(): void {
    this.#listing = undefined;
    this.#surprises++;
  }

  #read(): Promise<void> {
    // a refresh under way belongs to a listing that is about to be replaced
    const before = this.#refreshing?.done.catch(() => undefined) ?? Promise.resolve();
    this.#reading = before
      .then(() => this.#readAll())
      .finally(() => {
        this.#reading = undefined;
      });
    return this.#reading;
  }

  async #readAll(): Promise<void> {
    const stale = this.#stale;
    const surprises = this.#surprises;
    this.#stale = new Map();
    for (const id of stale.keys()) this.#tags.delete(id);
    try {
      const listing = await this.#readWhole();
      if (surprises === this.#surprises) this.#listing = listing;
    } catch (error) {
      this.#restore(stale);
      throw error;
    }
  }

  /** Something may go between the listing and the question for its tags: then once more. */
  async #readWhole(): Promise<Listing> {
    const options = { now: this.#now(), tagsMaxAgeMs: this.#ages.tags };
    for (let tries = 1; ; tries++)
      try {
        return await readListing(this.#api, this.#place, this.#tags, options);
      } catch (error) {
        if (!isNotFound(error) || tries === TRIES) throw error;
      }
  }

  #refresh(listing: Listing): Promise<void> {
    const ids = this.#stale;
    this.#stale = new Map();
    const done = this.#readSome(listing, [...ids.keys()])
      .catch((error: unknown) => {
        this.#restore(ids);
        this.surprised();
        // what is gone is found out by reading everything
        if (!isNotFound(error)) throw error;
      })
      .finally(() => {
        this.#refreshing = undefined;
      });
    this.#refreshing = { ids, done };
    return done;
  }

  #restore(stale: ReadonlyMap<string, string>): void {
    this.#stale = new Map([...stale, ...this.#stale]);
  }

  async #readSome(listing: Listing, ids: readonly string[]): Promise<void> {
    const balancers = ids.filter((id) => id.includes(":loadbalancer/"));
    const groups = ids.filter((id) => id.includes(":targetgroup/"));
    const securityGroups = ids.filter((id) => id.startsWith("sg-"));
    const { vpcId } = this.#place;
    const [foundBalancers, foundGroups, foundIds] = await Promise.all([
      balancers.length > 0 ? this.#api.describeLoadBalancers({ arns: balancers }) : [],
      groups.length > 0 ? this.#api.describeTargetGroups({ arns: groups }) : [],
      securityGroups.length > 0 ? this.#api.describeSecurityGroups({ vpcId, ids: securityGroups }) : [],
      readTags(this.#api, [...balancers, ...groups], this.#tags, this.#now()),
    ]);
    const tagsOf = (arn: string) => this.#tags.get(arn)?.tags ?? {};
    for (const it of foundBalancers) listing.loadBalancers.set(it.arn, { ...it, tags: tagsOf(it.arn) });
    for (const it of foundGroups) listing.targetGroups.set(it.arn, { ...it, tags: tagsOf(it.arn) });
    for (const it of foundIds) listing.securityGroups.set(it.id, it);
    listing.changed();
  }
}

function concerns(ids: ReadonlyMap<string, string>, owner: string | undefined): boolean {
  if (owner === undefined) return ids.size > 0;
  for (const other of ids.values()) if (other === owner || other === EVERYONE) return true;
  return false;
}
