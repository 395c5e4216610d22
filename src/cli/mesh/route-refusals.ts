/** What sidecars refuse of routes, said in the routes' statuses: a parent is Accepted when the sidecars follow it. */
import type { RouteStatus } from "../../objects/gateway/index.ts";

/** The kinds that are told so; policies are told by the model. */
const ROUTE = /^(HTTP|GRPC)Route\//;
/** Of a message so many characters are told; a condition takes 32,768. */
const MOST = 4_096;

/** Bounded by the routes that are refused, and the sidecars that refuse them. */
export class RouteRefusals {
  readonly #controllerName: string;
  readonly #onChange: (route: string) => void;
  /** Messages by route, `Kind/namespace/name`, then by sidecar. */
  readonly #refused = new Map<string, Map<string, string>>();

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
    for (const [route, by] of this.#refused) {
      if (messages.has(route) || !by.delete(sidecar)) continue;
      if (by.size === 0) this.#refused.delete(route);
      this.#onChange(route);
    }
    for (const [route, message] of messages) {
      if (!ROUTE.test(route)) continue;
      const by = this.#refused.get(route) ?? new Map<string, string>();
      this.#refused.set(route, by);
      if (by.get(sidecar) === message) continue;
      by.set(sidecar, message);
      this.#onChange(route);
    }
  }

  /** The status of a route, with what sidecars say of it. */
  amend(route: string, status: RouteStatus): RouteStatus {
    const by = this.#refused.get(route);
    if (by === undefined) return status;
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
