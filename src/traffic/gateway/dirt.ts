/** What must be done again, and who wants to know that there is something. */
export class Dirt {
  /** GatewayClasses by name. */
  readonly classes = new Set<string>();
  /** Gateways to resolve, by key. */
  readonly gateways = new Set<string>();
  /** Routes to translate, `HTTPRoute/ns/name`. */
  readonly routes = new Set<string>();
  /** Routes to attach anew. */
  readonly attachments = new Set<string>();
  /** Objects whose status to compute, `Gateway/ns/name`. */
  readonly statuses = new Set<string>();
  readonly #listeners = new Set<() => void>();
  #told = false;

  /** Adds to one of the sets, and tells the listeners if it is the first thing since {@link clean}. */
  add(what: "classes" | "gateways" | "routes" | "attachments" | "statuses", key: string): void {
    this[what].add(key);
    if (this.#told) return;
    this.#told = true;
    for (const listener of this.#listeners) listener();
  }

  /** Takes all of one set out. */
  take(what: "classes" | "gateways" | "routes" | "attachments" | "statuses"): readonly string[] {
    const keys = [...this[what]].sort();
    this[what].clear();
    return keys;
  }

  /** All is done; the next thing is told again. */
  clean(): void {
    this.#told = false;
  }

  onDirty(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
