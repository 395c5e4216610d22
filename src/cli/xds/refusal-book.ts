/** What proxies refuse: those that are connected here, and those of other replicas. */
import type { AdsServer, Nack } from "../../envoy/ads/index.ts";
import type { Refusal } from "./refusal-lease.ts";

/** What a book of refusals is made of. */
export interface RefusalBookParts {
  readonly ads: Pick<AdsServer, "status">;
  /** The objects that a refusal is laid to; by default all that the resource comes from. */
  readonly blamed?: (nack: Nack) => readonly string[];
  /** The pod of a node's id, `namespace/name`. */
  readonly podOf: (node: string) => string;
  /** Takes all that a proxy refuses now; called when that has changed. */
  readonly tell: (proxy: string, refusals: readonly Told[]) => void;
  /** Called when something refused here has come or gone. */
  readonly onOwn?: () => void;
  /** Whether what was refused is withheld since then: it is told as if it were refused still. */
  readonly isWithheld?: (origins: readonly string[]) => boolean;
}

/** What is told of a refusal. */
export type Told = Pick<Refusal, "origins" | "message">;

/** A refusal by its nack, and whether no connected client refused the resource when it was looked at last. */
interface Known {
  readonly nack: Nack;
  readonly origins: readonly string[];
  unseen: boolean;
  /** The nodes whose clients refused it when it was looked at last. */
  nodes: readonly string[];
}

/** Bounded by what proxies have. */
export class RefusalBook {
  readonly #parts: RefusalBookParts;
  /** By proxy, then by resource. */
  readonly #own = new Map<string, Map<string, Known>>();
  #others = new Map<string, Refusal[]>();

  constructor(parts: RefusalBookParts) {
    this.#parts = parts;
  }

  /** Takes in what a client refuses; gives the objects that it is laid to. */
  add(nack: Nack): readonly string[] {
    const { proxy, kind, name } = nack;
    const origins = this.#parts.blamed?.(nack) ?? nack.origins;
    const known = this.#own.get(proxy) ?? new Map<string, Known>();
    const nodes = this.#refusing(nack);
    this.#own.set(proxy, known.set(`${kind}/${name}`, { nack, origins, unseen: false, nodes }));
    this.#changed(proxy);
    return origins;
  }

  /** Whether clients of a proxy that are connected here refused something. */
  has(proxy: string): boolean {
    return this.#own.has(proxy);
  }

  /** Takes back what no client refuses any more, once they have answered what they were sent. */
  recheck(proxy: string): void {
    this.#drop(proxy, (known) => !this.#isRefused(known));
  }

  /** Forgets a proxy. */
  remove(proxy: string): void {
    this.#drop(proxy, () => true);
  }

  /**
   * Takes back what clients refused that are not here any more: they may be connected to another replica. Those that
   * come back within a period of calls are waited for.
   */
  prune(): void {
    for (const proxy of [...this.#own.keys()]) {
      this.#drop(proxy, (known) => {
        const was = known.unseen;
        known.unseen = !this.#isRefused(known);
        return was && known.unseen;
      });
    }
  }

  /** What clients refuse that are connected here now, and what is withheld from them as they refused it. */
  own(): Refusal[] {
    return [...this.#own.values()].flatMap((all) =>
      [...all.values()].flatMap((known) => {
        const { nack, origins } = known;
        const { proxy, kind, name, message } = nack;
        const now = this.#refusing(nack);
        if (now.length > 0 || !this.#isWithheld(known)) known.nodes = now;
        const pods = known.nodes.map((node) => this.#parts.podOf(node));
        return pods.length === 0 ? [] : [{ proxy, kind, name, message, origins, pods }];
      }),
    );
  }

  /** Replaces what clients of other replicas refuse. */
  setOthers(refusals: readonly Refusal[]): void {
    const before = this.#others;
    this.#others = Map.groupBy(refusals, ({ proxy }) => proxy);
    for (const proxy of new Set([...before.keys(), ...this.#others.keys()])) this.#tell(proxy);
  }

  #drop(proxy: string, isOver: (known: Known) => boolean): void {
    const all = this.#own.get(proxy);
    if (all === undefined) return;
    const before = all.size;
    for (const [id, known] of all) if (isOver(known)) all.delete(id);
    if (all.size === 0) this.#own.delete(proxy);
    if (all.size !== before) this.#changed(proxy);
  }

  #changed(proxy: string): void {
    this.#tell(proxy);
    this.#parts.onOwn?.();
  }

  #tell(proxy: string): void {
    const own = [...(this.#own.get(proxy)?.values() ?? [])].map(({ nack: { message }, origins }) => {
      return { origins, message };
    });
    this.#parts.tell(proxy, [...(this.#others.get(proxy) ?? []), ...own]);
  }

  #isRefused(known: Known): boolean {
    return this.#refusing(known.nack).length > 0 || this.#isWithheld(known);
  }

  #isWithheld({ origins }: Known): boolean {
    return this.#parts.isWithheld?.(origins) ?? false;
  }

  /** The nodes whose clients refuse it now. */
  #refusing({ proxy, kind, name }: Nack): string[] {
    return this.#parts.ads
      .status(proxy)
      .filter(({ kinds }) => kinds[kind].refused.some((one) => one.name === name))
      .map(({ node }) => node);
  }
}
