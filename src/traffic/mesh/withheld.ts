/** Routes that some sidecar refuses: what they said before is in force instead, or nothing of them. */
import { equal } from "../gateway/equality.ts";

/** What is asked of an object here. */
interface WithSpec {
  readonly spec: unknown;
}

/** Bounded by the routes, and the sidecars that refuse one. */
export class Withheld<Route extends WithSpec> {
  readonly #current: (id: string) => Route | undefined;
  /** By route, `Kind/namespace/name`: the spec that was refused, and by whom. */
  readonly #refused = new Map<string, { readonly spec: unknown; readonly by: Set<string> }>();
  /** What routes say now, and what they said last that nobody has refused. */
  readonly #said = new Map<string, { readonly now: Route; readonly before: Route | undefined }>();

  /** @param current the route of an id as it is */
  constructor(current: (id: string) => Route | undefined) {
    this.#current = current;
  }

  /** Replaces the routes that a sidecar refuses; gives those that are withheld from now on, or not any more. */
  setRefused(sidecar: string, routes: ReadonlySet<string>): readonly string[] {
    const different: string[] = [];
    for (const [id, { by }] of this.#refused) {
      if (routes.has(id) || !by.delete(sidecar) || by.size > 0) continue;
      this.#refused.delete(id);
      different.push(id);
    }
    for (const id of routes) {
      const route = this.#current(id);
      if (route === undefined) continue;
      if (this.has(id)) this.#refused.get(id)?.by.add(sidecar);
      else {
        this.#refused.set(id, { spec: route.spec, by: new Set([sidecar]) });
        different.push(id);
      }
    }
    return different;
  }

  /** Whether what a route says now is withheld. */
  has(id: string): boolean {
    const refused = this.#refused.get(id);
    const route = this.#current(id);
    return refused !== undefined && route !== undefined && equal(refused.spec, route.spec);
  }

  /** What of a route is in force: itself, what it said before, or nothing. */
  inForce(id: string, route: Route | undefined): Route | undefined {
    if (route === undefined) {
      this.#said.delete(id);
      this.#refused.delete(id);
      return undefined;
    }
    const known = this.#said.get(id);
    const wasRefused = known !== undefined && equal(this.#refused.get(id)?.spec, known.now.spec);
    const isSame = known !== undefined && equal(known.now.spec, route.spec);
    const before = isSame || wasRefused ? known?.before : known?.now;
    this.#said.set(id, { now: route, before });
    if (this.has(id)) return before;
    this.#refused.delete(id);
    return route;
  }
}
