/** What sidecars refuse of routes, said in the routes' statuses: a parent is Accepted when the sidecars follow it. */
import type { RouteStatus } from "../../objects/gateway/index.ts";
import { RefusedBy } from "../../traffic/mesh/index.ts";

/** The kinds that are told so; policies are told by the model. */
const ROUTE = /^(HTTP|GRPC)Route\//;
/** Of a message so many characters are told; a condition takes 32,768. */
const MOST = 4_096;

/** Routes that sidecars refuse. */
export class RouteRefusals {
  readonly #controllerName: string;
  readonly #onChange: (route: string) => void;
  /** Messages of routes. */
  readonly #refused = new RefusedBy<string>();

  /**
   * @param controllerName whose parents of routes are ours
   * @param onChange called with each route whose status is another one now
   */
  constructor(controllerName: string, onChange: (route: string) => void) {
    this.#controllerName = controllerName;
    this.#onChange = onChange;
  }

  /** Replaces what a sidecar refuses: messages by `Kind/namespace/name`. */
  setRefused(sidecar: string, messages: ReadonlyMap<string, string>): void {
    const ofRoutes = new Map([...messages].filter(([object]) => ROUTE.test(object)));
    for (const route of this.#refused.replace(sidecar, ofRoutes)) this.#onChange(route);
  }

  /** The status of a route, with what sidecars say of it. */
  amend(route: string, status: RouteStatus): RouteStatus {
    const by = this.#refused.of(route);
    if (by.size === 0) return status;
    const accepted = { status: "False", reason: "UnsupportedValue", message: sentence(by) };
    return {
      parents: status.parents.map((parent) => {
        if (parent.controllerName !== this.#controllerName) return parent;
        const conditions = parent.conditions.map((condition) =>
          condition.type === "Accepted" && condition.status === "True"
            ? { ...condition, ...accepted }
            : condition,
        );
        return { ...parent, conditions };
      }),
    };
  }
}

/** Of many sidecars one is named: the sentence stays as it is while more of them say the same. */
function sentence(by: ReadonlyMap<string, string>): string {
  const [first = ""] = [...by.keys()].sort();
  const message = (by.get(first) ?? "").slice(0, MOST);
  return by.size === 1
    ? `the sidecar of ${first} refuses it: ${message}`
    : `the sidecars of ${first} and others refuse it: ${message}`;
}
