/** What sidecars refuse, told where it comes from: in the statuses of routes and policies, and as events of all objects. */
import type { AdsServer, Nack } from "../../envoy/ads/index.ts";

export interface RefusalParts {
  readonly ads: Pick<AdsServer, "applied" | "status">;
  /** Takes what a sidecar refuses now: its proxy's messages by object, `Kind/namespace/name`. */
  readonly setRefused: (sidecar: string, messages: ReadonlyMap<string, string>) => void;
  /** What an object, `Kind/namespace/name`, says, where it is known: the field that a proxy complains of is found in it. */
  readonly specOf: (object: string) => unknown;
  /** Tells an object, `Kind/namespace/name`, what became of what it says. */
  readonly record: (object: string, reason: string, message: string) => void;
  readonly log: (line: string) => void;
}

/** A resource that is made of more objects than this blames nobody by itself: a route table has hundreds. */
const MOST_ORIGINS = 4;

/** Bounded by what sidecars have. */
export class Refusals {
  readonly #parts: RefusalParts;
  /** By sidecar, then by resource. */
  readonly #refused = new Map<string, Map<string, Nack>>();

  constructor(parts: RefusalParts) {
    this.#parts = parts;
  }

  /** Takes in what a sidecar refuses. */
  add(nack: Nack): void {
    const { proxy, kind, name, message } = nack;
    const { log, record } = this.#parts;
    log(`the sidecar of ${proxy} refuses ${kind} ${name}: ${message}`);
    for (const object of this.#blamed(nack))
      record(object, "Refused", `the sidecar of ${proxy} refuses what follows from it: ${message}`);
    const refused = this.#refused.get(proxy) ?? new Map<string, Nack>();
    this.#refused.set(proxy, refused.set(`${kind}/${name}`, nack));
    this.#tell(proxy);
  }

  /** Takes back what a sidecar no longer refuses, once it has answered what it was sent. */
  async recheck(proxy: string): Promise<void> {
    if (!this.#refused.has(proxy)) return;
    const { ads } = this.#parts;
    await ads.applied(proxy);
    const refused = this.#refused.get(proxy);
    const streams = ads.status(proxy);
    for (const [id, { kind, name }] of refused ?? []) {
      const still = streams.some(({ kinds }) => kinds[kind].refused.some((one) => one.name === name));
      if (!still) refused?.delete(id);
    }
    this.#tell(proxy);
  }

  /** Forgets a sidecar. */
  remove(proxy: string): void {
    if (this.#refused.delete(proxy)) this.#parts.setRefused(proxy, new Map());
  }

  #tell(proxy: string): void {
    const messages = new Map<string, string>();
    for (const nack of this.#refused.get(proxy)?.values() ?? [])
      for (const object of this.#blamed(nack)) messages.set(object, nack.message);
    if (messages.size === 0) this.#refused.delete(proxy);
    this.#parts.setRefused(proxy, messages);
  }

  /**
   * The objects that a refused resource comes from. Of a route table that are all Services and routes of its port: those
   * that say what the proxy quotes, else its routes, as what follows from a Service alone is always the same.
   */
  #blamed({ origins, message }: Nack): string[] {
    const objects = [...new Set(origins.map((origin) => origin.split("#")[0] ?? ""))];
    const quoted = /'([^']+)'/.exec(message)?.[1];
    const words = quoted === undefined ? undefined : JSON.stringify(quoted).slice(1, -1);
    const culprits = objects.filter((object) => words && this.#says(object, words));
    if (culprits.length > 0) return culprits;
    const written = objects.filter((object) => !object.startsWith("Service/"));
    const candidates = written.length > 0 ? written : objects;
    return candidates.length > MOST_ORIGINS ? [] : candidates;
  }

  #says(object: string, words: string): boolean {
    return JSON.stringify(this.#parts.specOf(object) ?? "").includes(words);
  }
}
