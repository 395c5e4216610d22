/** What the controller reported about each Gateway: infrastructure, what proxies took in, what they refused. */
import { equal } from "./equality.ts";
import type { InfrastructureState, Rejection } from "./types.ts";

/** What was refused: by `kind/namespace/name`, and there by the part ("": all). */
type Rejections = ReadonlyMap<string, ReadonlyMap<string, string>>;

const NONE: Rejections = new Map();

/** The reports by Gateway. */
export class Reports {
  readonly #infrastructure = new Map<string, InfrastructureState>();
  readonly #applied = new Set<string>();
  readonly #rejections = new Map<string, Rejections>();

  /** Returns whether it is news; likewise {@link setApplied}. */
  setInfrastructure(gateway: string, state: InfrastructureState | undefined): boolean {
    if (equal(this.#infrastructure.get(gateway), state)) return false;
    if (state === undefined) this.#infrastructure.delete(gateway);
    else this.#infrastructure.set(gateway, state);
    return true;
  }

  setApplied(gateway: string, applied: boolean): boolean {
    if (this.#applied.has(gateway) === applied) return false;
    if (applied) this.#applied.add(gateway);
    else this.#applied.delete(gateway);
    return true;
  }

  /** Returns the objects (`kind/namespace/name`) that were, or are now, refused. */
  setRejected(gateway: string, rejections: readonly Rejection[]): ReadonlySet<string> {
    const before = this.rejections(gateway);
    const after = new Map<string, Map<string, string>>();
    for (const { origin, message } of rejections) {
      const id = `${origin.kind}/${origin.key}`;
      const parts = after.get(id) ?? new Map<string, string>();
      parts.set(origin.part ?? "", message);
      after.set(id, parts);
    }
    if (after.size === 0) this.#rejections.delete(gateway);
    else this.#rejections.set(gateway, after);
    return new Set([...before.keys(), ...after.keys()]);
  }

  infrastructure(gateway: string): InfrastructureState | undefined {
    return this.#infrastructure.get(gateway);
  }

  applied(gateway: string): boolean {
    return this.#applied.has(gateway);
  }

  rejections(gateway: string): Rejections {
    return this.#rejections.get(gateway) ?? NONE;
  }

  /** The Gateway is gone. */
  forget(gateway: string): void {
    this.#infrastructure.delete(gateway);
    this.#applied.delete(gateway);
    this.#rejections.delete(gateway);
  }
}
