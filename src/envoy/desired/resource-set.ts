/** The resources of one kind that a proxy should have, each with what it was made from. */
import { hash } from "node:crypto";
import type { Resource, ResourceChange, ResourceKind } from "../resources.ts";

/** A resource that should be there. */
export interface Wanted {
  readonly name: string;
  /** What it is made from: where all are the same (===) as before, it is not made again. */
  readonly from: readonly unknown[];
  make(): Made;
}

/** A resource as it is made: its bytes and what it names. */
export type Made = Omit<Resource, "kind" | "name" | "version"> & {
  /** Where it is known without reading all bytes. */
  readonly version?: string;
};

interface Entry {
  readonly from: readonly unknown[];
  readonly resource: Resource;
}

/** Keeps the resources of one kind and says what changes. */
export class ResourceSet {
  readonly #entries = new Map<string, Entry>();
  readonly #kind: ResourceKind;

  constructor(kind: ResourceKind) {
    this.#kind = kind;
  }

  /** Takes in all that should be there; adds what changes to `changes`. */
  replace(wanted: Iterable<Wanted>, changes: ResourceChange[]): void {
    const names = new Set<string>();
    for (const one of wanted) {
      names.add(one.name);
      this.put(one, changes);
    }
    if (names.size === this.#entries.size) return;
    for (const name of this.#entries.keys()) {
      if (names.has(name)) continue;
      this.#entries.delete(name);
      changes.push({ kind: this.#kind, name });
    }
  }

  /** Takes out one. */
  delete(name: string, changes: ResourceChange[]): void {
    if (this.#entries.delete(name)) changes.push({ kind: this.#kind, name });
  }

  /** Takes in one. Bytes that come out the same are no change, but for what they name. */
  put(wanted: Wanted, changes: ResourceChange[]): void {
    const { name, from } = wanted;
    const known = this.#entries.get(name);
    if (known && isSame(known.from, from)) return;
    const made = wanted.make();
    const version = made.version ?? hash("sha1", made.bytes, "base64url").slice(0, 12);
    const resource = named(this.#kind, name, version, made);
    this.#entries.set(name, { from, resource });
    if (known?.resource.version !== version || !namesSame(known.resource, resource)) {
      changes.push({ kind: this.#kind, name, resource });
    }
  }

  /** All of them. */
  all(): Resource[] {
    return [...this.#entries.values()].map(({ resource }) => resource);
  }
}

/** What a resource came from can be long, and is asked for only when Envoy refuses it. */
function named(kind: ResourceKind, name: string, version: string, made: Made): Resource {
  const { bytes, needsClusters = [], needsRoutes = [], parts, needsParts, hostsApart } = made;
  return {
    kind,
    name,
    version,
    bytes,
    needsClusters,
    needsRoutes,
    ...(parts && { parts }),
    ...(needsParts?.length && { needsParts }),
    ...(hostsApart && { hostsApart }),
    get origins() {
      return made.origins ?? [];
    },
  };
}

function isSame(before: readonly unknown[] = [], now: readonly unknown[] = []): boolean {
  return before.length === now.length && before.every((part, index) => part === now[index]);
}

function namesSame(before: Resource, now: Resource): boolean {
  return (
    isSame(before.needsClusters, now.needsClusters) &&
    isSame(before.needsRoutes, now.needsRoutes) &&
    isSame(before.parts, now.parts) &&
    isSame(before.needsParts, now.needsParts) &&
    isSame(before.origins, now.origins)
  );
}
