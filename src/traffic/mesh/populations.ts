/** Which labels pods with sidecars have, so that a policy that chooses none of them can say so. */
import { MESH_NAMESPACE } from "../../objects/mesh/index.ts";

type Labels = Readonly<Record<string, string>>;

/** How many pods have a label, by namespace; those of the mesh's own stand for all. Bounded by what pods have. */
export class Populations {
  readonly #counts = new Map<string, Map<string, number>>();

  /** Replaces a pod's labels (undefined: it is not there); gives the labels, `key=value`, that came or went with it. */
  change(namespace: string, before: Labels | undefined, after: Labels | undefined): ReadonlySet<string> {
    const changed = new Set<string>();
    for (const place of new Set([namespace, MESH_NAMESPACE])) {
      for (const pair of pairsOf(after)) if (this.#count(place, pair, 1) === 1) changed.add(pair);
      for (const pair of pairsOf(before)) if (this.#count(place, pair, -1) === 0) changed.add(pair);
    }
    return changed;
  }

  /** The labels among these that no pod has which a policy of this namespace could choose. */
  missing(namespace: string, labels: Labels): readonly string[] {
    return pairsOf(labels).filter((pair) => !this.#counts.get(namespace)?.has(pair));
  }

  #count(namespace: string, pair: string, by: number): number {
    const counts = this.#counts.get(namespace) ?? new Map<string, number>();
    this.#counts.set(namespace, counts);
    const count = (counts.get(pair) ?? 0) + by;
    if (count > 0) counts.set(pair, count);
    else counts.delete(pair);
    if (counts.size === 0) this.#counts.delete(namespace);
    return count;
  }
}

/** Labels as `key=value`. */
export function pairsOf(labels: Labels = {}): string[] {
  return Object.entries(labels).map(([key, value]) => `${key}=${value}`);
}
