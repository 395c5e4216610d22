/** Stream routes that want the same hostname of one listener: only the oldest has connections, and the others say so. */
import { older, type Rival } from "./rivals.ts";

type StreamRoute = Omit<Rival, "hostnames">;

/** Whether a route forwards connections or datagrams, not requests. */
export function isStream({ kind }: Pick<StreamRoute, "kind">): boolean {
  return kind !== "HTTPRoute" && kind !== "GRPCRoute";
}

/** Who wants what, by listener and hostname (`*` for TCP and UDP). */
export class Shadows {
  readonly #claims = new Map<string, Map<string, StreamRoute>>();
  readonly #touched = new Set<string>();

  /** Enters a stream route's hostnames on a listener; others are passed over. */
  add(listener: string, route: StreamRoute, hostnames: readonly string[]): void {
    this.#change(listener, route, hostnames, (claims) => claims.set(route.key, route));
  }

  /** Takes them out again. */
  remove(listener: string, route: StreamRoute, hostnames: readonly string[]): void {
    this.#change(listener, route, hostnames, (claims) => claims.delete(route.key));
  }

  /** The older route that has a hostname. */
  over(listener: string, key: string, hostname: string): string | undefined {
    const [first] = [...(this.#claims.get(`${listener} ${hostname}`)?.values() ?? [])].sort(older);
    return first === undefined || first.key === key ? undefined : first.key;
  }

  /** The routes whose rivals came or went since the last time. */
  take(): ReadonlySet<string> {
    const result = new Set(this.#touched);
    this.#touched.clear();
    return result;
  }

  #change(
    listener: string,
    route: StreamRoute,
    hostnames: readonly string[],
    change: (claims: Map<string, StreamRoute>) => void,
  ): void {
    if (!isStream(route)) return;
    for (const hostname of hostnames) {
      const at = `${listener} ${hostname}`;
      const claims = this.#claims.get(at) ?? new Map<string, StreamRoute>();
      change(claims);
      if (claims.size === 0) this.#claims.delete(at);
      else this.#claims.set(at, claims);
      for (const key of claims.keys()) if (key !== route.key) this.#touched.add(key);
    }
  }
}
