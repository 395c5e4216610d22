/** When a Gateway that can be reached is said to be. */
import type { InfrastructureRequest } from "./desired.ts";
import type { InfrastructureState } from "./infrastructure.ts";
import { hasCondition } from "../../objects/conditions.ts";

/** Nodes hear of addresses and endpoints when we do, and have rules for them so much later, in milliseconds. */
const NODES_MOMENT = 100;

/**
 * Keeps back that a Gateway can be reached until nodes had a moment for it: else its first connections are refused. A
 * node's rules cannot be asked for; a node that takes longer refuses, as it does for any new Service.
 */
export class Settling {
  readonly #since = new Map<string, number>();
  readonly #again: (key: string) => void;
  readonly #signal: AbortSignal;

  constructor(again: (key: string) => void, signal: AbortSignal) {
    this.#again = again;
    this.#signal = signal;
  }

  /** Whether a state can be told; if not, `again` is called when it can be. */
  has(
    key: string,
    { addresses, readyProxies }: Pick<InfrastructureState, "addresses" | "readyProxies">,
    { gateway }: Pick<InfrastructureRequest, "gateway">,
  ): boolean {
    if (addresses.length === 0 || readyProxies === 0) {
      this.forget(key);
      return true;
    }
    const since = this.#since.get(key);
    if (since === undefined && isProgrammed(gateway)) {
      // known from before a restart: what is said already stays
      this.#since.set(key, 0);
      return true;
    }
    if (since === undefined) {
      this.#since.set(key, Date.now());
      const timer = setTimeout(() => this.#signal.aborted || this.#again(key), NODES_MOMENT);
      timer.unref();
      return false;
    }
    return Date.now() - since >= NODES_MOMENT;
  }

  forget(key: string): void {
    this.#since.delete(key);
  }
}

function isProgrammed(gateway: InfrastructureRequest["gateway"]): boolean {
  return hasCondition(gateway, "Programmed");
}
