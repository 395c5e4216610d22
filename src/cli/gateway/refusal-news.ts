import type { News } from "../../controllers/gateway/index.ts";
import type { Told } from "../xds/refusal-book.ts";

/**
 * Says of each Gateway what its proxies have begun to refuse, and what they take again. What the Gateway itself asks for
 * is told by the conditions of its listeners. Bounded by what proxies refuse.
 */
export class RefusalNews {
  /** The message by the object that it is laid to (`Kind/namespace/name`), by the Gateway's key. */
  readonly #known = new Map<string, ReadonlyMap<string, string>>();

  /** Takes in all that the proxies of a Gateway refuse now. */
  set(gateway: string, refusals: readonly Told[]): News[] {
    const before = this.#known.get(gateway) ?? new Map<string, string>();
    const now = new Map<string, string>();
    for (const { origins, message } of refusals) {
      for (const origin of origins) {
        const [object = ""] = origin.split("#");
        if (object !== `Gateway/${gateway}` && !now.has(object)) now.set(object, message);
      }
    }
    if (now.size === 0) this.#known.delete(gateway);
    else this.#known.set(gateway, now);
    const worse = [...now].filter(([object, message]) => before.get(object) !== message);
    const better = [...before.keys()].filter((object) => !now.has(object));
    return [
      ...worse.map(([object, message]) => warning(object, message)),
      ...better.map((object) => relief(object)),
    ];
  }
}

function warning(object: string, message: string): News {
  const text = `a proxy refuses what follows from ${spoken(object)}, and goes on with what it had: ${message}`;
  return { type: "Warning", reason: "Refused", message: text };
}

function relief(object: string): News {
  return {
    type: "Normal",
    reason: "NotRefused",
    message: `no proxy refuses what follows from ${spoken(object)} any more`,
  };
}

/** `Kind namespace/name` of `Kind/namespace/name`. */
function spoken(object: string): string {
  return object.replace("/", " ");
}
