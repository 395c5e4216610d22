/** Names of load balancers: of each `SERVICE.NAMESPACE.lb.DOMAIN`, and names of its own choice. */
import { formatAddress, parseAddress } from "../ip/address.ts";
import type { Family } from "../ip/family.ts";
import { fullyQualified } from "./codec/name.ts";

/** What a load balancer is reached at: both families under one name, from one status. */
export interface BalancerEntry {
  readonly namespace: string;
  readonly name: string;
  /** Further names, as users write them. */
  readonly hostnames: readonly string[];
  readonly addresses: readonly string[];
  /** A name instead of addresses, as AWS gives it. */
  readonly alias?: string;
}

/** What one name stands for. A family without addresses is an empty answer. */
export interface BalancerAnswer {
  readonly addresses: readonly { readonly family: Family; readonly address: string }[];
  readonly alias?: string;
}

const NOTHING: BalancerAnswer = { addresses: [] };

/** The names by which a server's clients find load balancers. Of several that claim a name the first to come has it. */
export class BalancerNames {
  readonly #domain: string;
  readonly #entries = new Map<string, BalancerEntry>();
  readonly #keysByName = new Map<string, Set<string>>();

  /** @param domain of the cluster */
  constructor(domain: string) {
    this.#domain = fullyQualified(domain.toLowerCase());
  }

  /** Adds a load balancer, or takes its new state; undefined: it is gone. */
  set(key: string, entry: BalancerEntry | undefined): void {
    for (const name of this.#namesOf(this.#entries.get(key))) {
      const keys = this.#keysByName.get(name);
      keys?.delete(key);
      if (keys?.size === 0) this.#keysByName.delete(name);
    }
    this.#entries.delete(key);
    if (entry === undefined) return;
    this.#entries.set(key, entry);
    for (const name of this.#namesOf(entry)) {
      const keys = this.#keysByName.get(name);
      if (keys === undefined) this.#keysByName.set(name, new Set([key]));
      else keys.add(key);
    }
  }

  /** What a name (lower case, with its dot) stands for; undefined: nothing of these. */
  find(name: string): BalancerAnswer | undefined {
    const [key] = this.#keysByName.get(name) ?? [];
    const entry = key === undefined ? undefined : this.#entries.get(key);
    if (entry !== undefined) return answerOf(entry);
    // the names above exist, as there are names below them
    return this.#keysByName.size > 0 && name === `lb.${this.#domain}` ? NOTHING : undefined;
  }

  #namesOf(entry: BalancerEntry | undefined): string[] {
    if (entry === undefined) return [];
    const own = `${entry.name}.${entry.namespace}.lb.${this.#domain}`;
    return [own, ...entry.hostnames.map((name) => fullyQualified(name.toLowerCase()))];
  }
}

function answerOf({ addresses, alias }: BalancerEntry): BalancerAnswer {
  const parsed = addresses.map(parseAddress).filter((address) => address !== undefined);
  return {
    addresses: parsed.map((address) => ({ family: address.family, address: formatAddress(address) })),
    ...(alias !== undefined && parsed.length === 0 && { alias }),
  };
}
