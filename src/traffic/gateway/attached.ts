/** Which routes are on which listener of one Gateway, and which of them lose there to one of another kind. */
import { losers, type Rival } from "./rivals.ts";
import { Shadows } from "./shadows.ts";
import type { TranslatedRoute } from "./routes/types.ts";

/** A route as it is known to a proxy. */
export interface ProxyRoute extends Omit<Rival, "hostnames"> {
  readonly translated: TranslatedRoute;
}

/** A route on a listener, with the hostnames that it has there. */
export interface AttachedRoute {
  readonly route: ProxyRoute;
  readonly hostnames: readonly string[];
}

/** The routes of a Gateway's listeners, by the listeners' ids. */
export class AttachedRoutes {
  readonly #routes = new Map<string, Map<string, AttachedRoute>>();
  /** By listener: routes that lost a hostname to one of another kind, with the winner's key. */
  readonly #lost = new Map<string, ReadonlyMap<string, string>>();
  /** By listener: how many routes of each kind. */
  readonly #kinds = new Map<string, Map<string, number>>();
  readonly #unsettled = new Set<string>();
  readonly #shadows = new Shadows();

  /** Listeners with at least one route. */
  listeners(): Iterable<string> {
    return this.#routes.keys();
  }

  /** The routes on a listener, those that lost included. */
  on(listener: string): Iterable<AttachedRoute> {
    return this.#routes.get(listener)?.values() ?? [];
  }

  /** The number of routes on a listener that lost to no other. */
  count(listener: string): number {
    return (this.#routes.get(listener)?.size ?? 0) - (this.#lost.get(listener)?.size ?? 0);
  }

  /** The key of the route that a route lost a listener to. */
  lostTo(listener: string, route: string): string | undefined {
    return this.#lost.get(listener)?.get(route);
  }

  /** Puts a route on a listener on which it is not yet. */
  add(listener: string, route: ProxyRoute, hostnames: readonly string[]): void {
    const there = this.#routes.get(listener) ?? new Map<string, AttachedRoute>();
    there.set(route.key, { route, hostnames });
    this.#routes.set(listener, there);
    this.#countKind(listener, route.kind, 1);
    this.#shadows.add(listener, route, hostnames);
    if (this.#isMixed(listener)) this.#unsettled.add(listener);
  }

  /** The key of the older stream route that has all connections of a route's hostnames on a listener. */
  shadowedBy(listener: string, route: string): string | undefined {
    const { hostnames = [] } = this.#routes.get(listener)?.get(route) ?? {};
    const over = hostnames.map((hostname) => this.#shadows.over(listener, route, hostname));
    return over.every((key) => key !== undefined) ? over[0] : undefined;
  }

  /** Takes a route from a listener. */
  remove(listener: string, { key, kind }: ProxyRoute): void {
    if (this.#isMixed(listener)) this.#unsettled.add(listener);
    this.#countKind(listener, kind, -1);
    const there = this.#routes.get(listener);
    const known = there?.get(key);
    if (known !== undefined) this.#shadows.remove(listener, known.route, known.hostnames);
    there?.delete(key);
    if (there?.size === 0) this.#routes.delete(listener);
  }

  /**
   * Decides between HTTPRoutes and GRPCRoutes where listeners changed; returns the routes for which that, or the older ones
   * before them, may have changed.
   */
  settle(): ReadonlySet<string> {
    const changed = new Set(this.#shadows.take());
    for (const listener of this.#unsettled) {
      const before = this.#lost.get(listener) ?? new Map<string, string>();
      const after = this.#losersOn(listener);
      for (const key of [...before.keys(), ...after.keys()])
        if (before.get(key) !== after.get(key)) changed.add(key);
      if (after.size === 0) this.#lost.delete(listener);
      else this.#lost.set(listener, after);
    }
    this.#unsettled.clear();
    return changed;
  }

  #losersOn(listener: string): ReadonlyMap<string, string> {
    return losers([...this.on(listener)].map(({ route, hostnames }) => ({ ...route, hostnames })));
  }

  /** Whether routes of several kinds are, or just were, on a listener. */
  #isMixed(listener: string): boolean {
    return (this.#kinds.get(listener)?.size ?? 0) > 1 || this.#lost.has(listener);
  }

  #countKind(listener: string, kind: string, change: 1 | -1): void {
    const kinds = this.#kinds.get(listener) ?? new Map<string, number>();
    const count = (kinds.get(kind) ?? 0) + change;
    if (count === 0) kinds.delete(kind);
    else kinds.set(kind, count);
    this.#kinds.set(listener, kinds);
  }
}
