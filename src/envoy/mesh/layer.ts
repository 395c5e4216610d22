/** Resources that several sidecars share: made once, handed to all of them as they are. */
import { encode, type JsonObject } from "../proto/index.ts";
import { type Resource, type ResourceChange, type ResourceKind, TYPE_URLS } from "../resources.ts";
import { type Made, ResourceSet, type Wanted } from "../desired/resource-set.ts";

/** A part of what sidecars have. */
export class Layer {
  readonly #sets = new Map<ResourceKind, ResourceSet>();
  #changes: ResourceChange[] = [];

  /** Takes in a resource. */
  put(kind: ResourceKind, wanted: Wanted): void {
    this.#set(kind).put(wanted, this.#changes);
  }

  /** Takes one out. */
  delete(kind: ResourceKind, name: string): void {
    this.#set(kind).delete(name, this.#changes);
  }

  /** Takes in all of a kind. */
  replace(kind: ResourceKind, wanted: Iterable<Wanted>): void {
    this.#set(kind).replace(wanted, this.#changes);
  }

  /** What has changed since it was asked last. */
  takeChanges(): readonly ResourceChange[] {
    const changes = this.#changes;
    this.#changes = [];
    return changes;
  }

  /** All that there is. */
  all(): Resource[] {
    return [...this.#sets.values()].flatMap((set) => set.all());
  }

  #set(kind: ResourceKind): ResourceSet {
    let set = this.#sets.get(kind);
    if (set === undefined) {
      set = new ResourceSet(kind);
      this.#sets.set(kind, set);
    }
    return set;
  }
}

/** Layers by what they depend on, kept while sidecars use them. */
export class Layers<Of> {
  readonly #layers = new Map<string, { readonly of: Of; readonly layer: Layer; users: number }>();
  readonly #fill: (layer: Layer, of: Of) => void;

  /** @param fill puts everything into a layer that is new */
  constructor(fill: (layer: Layer, of: Of) => void) {
    this.#fill = fill;
  }

  /** The layer for a key, from now on used once more. */
  use(key: string, of: Of): Layer {
    let entry = this.#layers.get(key);
    if (entry === undefined) {
      entry = { of, layer: new Layer(), users: 0 };
      this.#layers.set(key, entry);
      this.#fill(entry.layer, of);
      entry.layer.takeChanges();
    }
    entry.users++;
    return entry.layer;
  }

  /** Ends one use. */
  release(key: string): void {
    const entry = this.#layers.get(key);
    if (entry !== undefined && --entry.users === 0) this.#layers.delete(key);
  }

  /** Does something to every layer. */
  each(work: (layer: Layer, of: Of) => void): void {
    for (const { layer, of } of this.#layers.values()) work(layer, of);
  }
}

/** Endpoints that one layer gave up for another are not gone. */
export function withoutMoves(changes: readonly ResourceChange[]): readonly ResourceChange[] {
  const isGone = ({ kind, resource }: ResourceChange) => kind === "endpoint" && resource === undefined;
  if (!changes.some(isGone)) return changes;
  const there = new Set(
    changes.flatMap(({ kind, name, resource }) => (kind === "endpoint" && resource ? name : [])),
  );
  return changes.filter((change) => !isGone(change) || !there.has(change.name));
}

/** A resource from its JSON. */
export function made(kind: ResourceKind, json: JsonObject, more: Omit<Made, "bytes"> = {}): Made {
  return { bytes: encode(TYPE_URLS[kind], json), ...more };
}
