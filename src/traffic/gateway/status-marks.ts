/** Whose statuses are to be computed again when Gateways and routes change. */
import type { ParentResult } from "./attach.ts";
import type { Dirt } from "./dirt.ts";
import { keyOf, type ObjectStore } from "./objects.ts";
import type { TargetKey } from "./policies/index.ts";
import type { LookupKey } from "./routes/types.ts";

/** Marks statuses; which ones follows from the objects as they are now. */
export class StatusMarks {
  readonly #objects: ObjectStore;
  readonly #dirt: Dirt;

  constructor(objects: ObjectStore, dirt: Dirt) {
    this.#objects = objects;
    this.#dirt = dirt;
  }

  /** A Gateway with its ListenerSets, and the policies for them; whoever listens for dirt is told. */
  gateway(key: string): void {
    const sets = this.#objects.setsOf(key).map((set) => `ListenerSet/${keyOf(set)}` as const);
    for (const id of [`Gateway/${key}` as const, ...sets]) {
      this.#dirt.add("statuses", id);
      this.#attached(id);
    }
  }

  /** Those whose listeners count a route. */
  owners(parents: readonly ParentResult[]): void {
    for (const { attachments } of parents)
      for (const { listener } of attachments)
        this.#dirt.statuses.add(`${listener.owner.kind}/${listener.owner.key}`);
  }

  /** The policies that a route asked for: they name the Gateways of the routes that use them. */
  policies(lookups: ReadonlySet<LookupKey>): void {
    for (const lookup of lookups) {
      if (lookup.startsWith("Policies/")) this.#attached(lookup.slice("Policies/".length));
      if (!lookup.startsWith("BackendTLSPolicy/")) continue;
      const service = lookup.slice("BackendTLSPolicy/".length);
      for (const policy of this.#objects.backendTlsPoliciesFor(service))
        this.#dirt.statuses.add(`BackendTLSPolicy/${keyOf(policy)}`);
    }
  }

  /** Traffic policies say on which Gateways they are in force. */
  #attached(target: TargetKey): void {
    for (const policy of this.#objects.policiesFor(target))
      this.#dirt.statuses.add(`${policy.kind}/${keyOf(policy)}`);
  }
}
