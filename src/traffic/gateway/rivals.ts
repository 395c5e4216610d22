/**
 * HTTPRoutes and GRPCRoutes that want the same hostname of one listener: exactly one kind is served there, that of the
 * older route (GRPCRouteSpec.hostnames).
 */
import { wildcardsOver } from "./hostnames.ts";

/** A route as attached to one listener. */
export interface Rival {
  readonly key: string;
  readonly kind: string;
  readonly createdAt: string;
  /** `namespace/name`. */
  readonly name: string;
  readonly hostnames: readonly string[];
}

/** The routes that lose, each with the key of the one that it loses to. */
export function losers(rivals: readonly Rival[]): ReadonlyMap<string, string> {
  const lost = new Map<string, string>();
  const served = new Map<string, HostIndex>();
  for (const rival of [...rivals].sort(older)) {
    const winner = [...served].find(([kind, index]) => kind !== rival.kind && index.meets(rival.hostnames));
    if (winner !== undefined) {
      lost.set(rival.key, winner[1].meets(rival.hostnames) ?? "");
      continue;
    }
    const index = served.get(rival.kind) ?? new HostIndex();
    served.set(rival.kind, index);
    index.add(rival.key, rival.hostnames);
  }
  return lost;
}

/** The order of precedence of routes: the oldest, then by `namespace/name`, then by kind. */
export function older(one: Omit<Rival, "hostnames">, other: Omit<Rival, "hostnames">): number {
  return (
    compare(one.createdAt, other.createdAt) || compare(one.name, other.name) || compare(one.kind, other.kind)
  );
}

function compare(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0;
}

/** Hostnames with the routes that have them, found by what they have in common with others. */
class HostIndex {
  readonly #routes = new Map<string, string>();
  /** Of each wildcard that would cover a hostname in here, a route with such a hostname. */
  readonly #covered = new Map<string, string>();

  add(key: string, hostnames: readonly string[]): void {
    for (const hostname of hostnames) {
      if (!this.#routes.has(hostname)) this.#routes.set(hostname, key);
      for (const wildcard of wildcardsOver(hostname))
        if (!this.#covered.has(wildcard)) this.#covered.set(wildcard, key);
    }
  }

  meets(hostnames: readonly string[]): string | undefined {
    for (const hostname of hostnames) {
      const key =
        this.#routes.get(hostname) ??
        this.#covered.get(hostname) ??
        wildcardsOver(hostname)
          .map((wildcard) => this.#routes.get(wildcard))
          .find((found) => found !== undefined);
      if (key !== undefined) return key;
    }
    return undefined;
  }
}
