/** Who owns what in the tables: entries that frontends contend for, and things that several entries share. */
import type { Frontend } from "../traffic/model.ts";
import { entriesOf, entryKey } from "./desired.ts";
import type { Entry } from "./doors.ts";
import type { NodeFacts } from "./facts.ts";

/**
 * Which frontend has which entry. The API server gives each address and port to one Service, but external IPs are
 * anybody's: of several frontends with one entry the first by key has it, and the next one takes over when it goes.
 */
class Claims {
  readonly #owners = new Map<string, string | readonly string[]>();

  /** The frontend that has an entry. */
  ownerOf(entry: string): string | undefined {
    const owner = this.#owners.get(entry);
    return typeof owner === "string" ? owner : owner?.[0];
  }

  /** All frontends that want an entry, the owner first. */
  claimantsOf(entry: string): readonly string[] {
    const owner = this.#owners.get(entry);
    return owner === undefined ? [] : typeof owner === "string" ? [owner] : owner;
  }

  add(entry: string, frontend: string): void {
    const known = this.#owners.get(entry);
    if (known === undefined) {
      this.#owners.set(entry, frontend);
      return;
    }
    const claimants = typeof known === "string" ? [known] : known;
    if (!claimants.includes(frontend)) this.#owners.set(entry, [...claimants, frontend].sort());
  }

  remove(entry: string, frontend: string): void {
    const rest = this.claimantsOf(entry).filter((claimant) => claimant !== frontend);
    if (rest.length === 0) this.#owners.delete(entry);
    else this.#owners.set(entry, rest.length === 1 ? (rest[0] as string) : rest);
  }

  clear(): void {
    this.#owners.clear();
  }
}

/** Counts how many entries use a thing (a chain, an element of a shared set). */
class UseCounts {
  readonly #counts = new Map<string, number>();

  /** Counts one more; true when it is the first. */
  add(thing: string): boolean {
    const count = this.#counts.get(thing) ?? 0;
    this.#counts.set(thing, count + 1);
    return count === 0;
  }

  /** Counts one less; true when it was the last. */
  remove(thing: string): boolean {
    const count = this.#counts.get(thing) ?? 0;
    if (count > 1) this.#counts.set(thing, count - 1);
    else this.#counts.delete(thing);
    return count === 1;
  }

  has(thing: string): boolean {
    return this.#counts.has(thing);
  }

  clear(): void {
    this.#counts.clear();
  }
}

/** All frontends, one after the other: a traffic model builds each one when it is asked for. */
export interface Frontends {
  keys(): Iterable<string>;
  get(key: string): Frontend | undefined;
}

/** What has been applied, as frontends: their elements are derived from them again when they change. */
export class Applied {
  readonly claims = new Claims();
  readonly uses = new UseCounts();
  readonly frontends = new Map<string, Frontend>();
  /** `ip chain` of chains of shapes that exist. */
  readonly chains = new Set<string>();

  clear(): void {
    this.claims.clear();
    this.uses.clear();
    this.frontends.clear();
    this.chains.clear();
  }

  /** Takes everything in and hands out, frontend by frontend, the entries that it owns. */
  *takeAll(frontends: Frontends, facts: NodeFacts): Generator<Entry[]> {
    this.clear();
    for (const key of [...frontends.keys()].sort()) {
      const frontend = frontends.get(key);
      if (frontend?.kind !== "virtual") continue;
      this.frontends.set(key, frontend);
      const owned: Entry[] = [];
      entriesOf(frontend, facts, (entry) => {
        const name = entryKey(entry);
        this.claims.add(name, key);
        // In the order of keys the first claimant is the owner for good.
        if (this.claims.ownerOf(name) === key) owned.push(entry);
      });
      yield owned;
    }
  }
}
