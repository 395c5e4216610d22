/** Routes that some sidecar refuses: what they said before is in force instead, or nothing of them. */
import { equal } from "../gateway/equality.ts";
import { RefusedBy } from "./refused-by.ts";

/** What is asked of an object here. */
interface WithSpec {
  readonly spec: unknown;
}

/** Bounded by the routes, and the sidecars that refuse one. */
export class Withheld<Route extends WithSpec> {
  readonly #current: (id: string) => Route | undefined;
  /** The specs that sidecars refuse. */
  readonly #refused = new RefusedBy<unknown>();
  /** What routes say now, and what they said last that nobody has refused. */
  readonly #said = new Map<string, { readonly now: Route; readonly before: Route | undefined }>();

  /** @param current the route of an id as it is */
  constructor(current: (id: string) => Route | undefined) {
    this.#current = current;
  }

  /** Replaces the routes that a sidecar refuses; gives those that are withheld from now on, or not any more. */
  setRefused(sidecar: string, routes: ReadonlySet<string>): readonly string[] {
    const specs = new Map<string, unknown>();
    for (const id of routes) {
      const route = this.#current(id);
      if (route !== undefined) specs.set(id, route.spec);
    }
    const before = new Set([...this.#refused.objects()].filter((id) => this.has(id)));
    const different = this.#refused.replace(sidecar, specs);
    return different.filter((id) => this.has(id) !== before.has(id));
  }

  /** Whether what a route says now is withheld. */
  has(id: string): boolean {
    const route = this.#current(id);
    return route !== undefined && this.#isRefused(id, route);
  }

  /** What of a route is in force: itself, what it said before, or nothing. */
  inForce(id: string, route: Route | undefined): Route | undefined {
    if (route === undefined) {
      this.#said.delete(id);
      this.#refused.forget(id);
      return undefined;
    }
    const known = this.#said.get(id);
    const wasRefused = known !== undefined && this.#isRefused(id, known.now);
    const isSame = known !== undefined && equal(known.now.spec, route.spec);
    const before = isSame || wasRefused ? known?.before : known?.now;
    this.#said.set(id, { now: route, before });
    if (this.has(id)) return before;
    this.#refused.forget(id);
    return route;
  }

  #isRefused(id: string, { spec }: Route): boolean {
    return [...this.#refused.of(id).values()].some((refused) => equal(refused, spec));
  }
}
