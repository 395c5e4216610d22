/** What sidecars refuse, told where it comes from: in the statuses of routes and policies, and as events of all objects. */
import type { AdsServer, Nack } from "../../envoy/ads/index.ts";
import { RefusalBook } from "../xds/refusal-book.ts";

/** What {@link Refusals} works with. */
export interface RefusalParts {
  readonly ads: Pick<AdsServer, "applied" | "status">;
  /**
   * Takes what a sidecar refuses now: its proxy's messages by object, `Kind/namespace/name`, and those of the objects
   * that say what a message quotes: it is about them, for sure, and about what they say now.
   */
  readonly setRefused: (
    sidecar: string,
    messages: ReadonlyMap<string, string>,
    sure: ReadonlySet<string>,
  ) => void;
  /** Whether an object is withheld from sidecars since one has refused it. */
  readonly isWithheld?: (object: string) => boolean;
  /** What an object, `Kind/namespace/name`, says, where it is known: what a proxy quotes is looked for in it. */
  readonly specOf: (object: string) => unknown;
  /** Tells an object, `Kind/namespace/name`, what became of what it says. */
  readonly record: (object: string, reason: string, message: string) => void;
  /** The pod of a node's id. */
  readonly podOf: (node: string) => string;
  /** Called when something refused here has come or gone. */
  readonly onOwn?: () => void;
  readonly log: (line: string) => void;
}

/** A resource that is made of more objects than this blames nobody by itself: a route table has hundreds. */
const MOST_ORIGINS = 4;

/** Bounded by what sidecars have. */
export class Refusals {
  readonly #parts: RefusalParts;
  /** Of sidecars that are connected here, and of those of other replicas. */
  readonly book: RefusalBook;

  constructor(parts: RefusalParts) {
    this.#parts = parts;
    const { ads, podOf, onOwn, setRefused, isWithheld = () => false } = parts;
    this.book = new RefusalBook({
      ads,
      podOf,
      ...(onOwn && { onOwn }),
      blamed: (nack) => this.#blamed(nack),
      isWithheld: (origins) => origins.some(isWithheld),
      tell: (sidecar, refusals) => {
        const messages = refusals.flatMap(({ origins, message }) =>
          origins.map((one) => [one, message] as const),
        );
        const sure = messages.flatMap(([one, message]) => (this.#says(one, message) ? [one] : []));
        setRefused(sidecar, new Map(messages), new Set(sure));
      },
    });
  }

  /** Takes in what a sidecar refuses. */
  add(nack: Nack): void {
    const { proxy, kind, name, message } = nack;
    const { log, record } = this.#parts;
    log(`the sidecar of ${proxy} refuses ${kind} ${name}: ${message}`);
    for (const object of this.book.add(nack))
      record(object, "Refused", `the sidecar of ${proxy} refuses what follows from it: ${message}`);
  }

  /** Takes back what a sidecar no longer refuses, once it has answered what it was sent. */
  async recheck(proxy: string): Promise<void> {
    if (!this.book.has(proxy)) return;
    await this.#parts.ads.applied(proxy);
    this.book.recheck(proxy);
  }

  /** Forgets a sidecar. */
  remove(proxy: string): void {
    this.book.remove(proxy);
  }

  /**
   * The objects that a refused resource comes from. Of a route table that are all Services and routes of its port: those
   * that say what the proxy quotes, else its routes, as what follows from a Service alone is always the same.
   */
  #blamed({ origins, message }: Nack): string[] {
    const objects = [...new Set(origins.map((origin) => origin.split("#")[0] ?? ""))];
    const culprits = objects.filter((object) => this.#says(object, message));
    if (culprits.length > 0) return culprits;
    const written = objects.filter((object) => !object.startsWith("Service/"));
    const candidates = written.length > 0 ? written : objects;
    return candidates.length > MOST_ORIGINS ? [] : candidates;
  }

  /** Whether an object says what a message quotes. */
  #says(object: string, message: string): boolean {
    const quoted = /'([^']+)'/.exec(message)?.[1];
    if (quoted === undefined) return false;
    const words = JSON.stringify(quoted).slice(1, -1);
    return JSON.stringify(this.#parts.specOf(object) ?? "").includes(words);
  }
}
