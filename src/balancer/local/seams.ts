/** What the local provider works with, as it needs it: an Envoy, and the host of its addresses. */
import type { ProxyModel } from "../../traffic/gateway/model.ts";

/** The Envoy, as the provider needs it. */
export interface LocalProxy {
  /** Makes the Envoy do what the model says; resolves when it has answered, with what it refuses. */
  apply(model: ProxyModel): Promise<readonly ProxyRefusal[]>;
  /** The destinations, of those named, whose targets have not all been asked yet. */
  unchecked(destinations: readonly string[]): Promise<readonly string[]>;
}

/** A part that Envoy refused. */
export interface ProxyRefusal {
  /** The name of the listener or destination, which begins with `namespace/name/`. */
  readonly name: string;
  readonly message: string;
}

/** An address on the host, and whose it is. */
export interface HeldAddress {
  readonly address: string;
  /** `namespace/name`. */
  readonly service: string;
  readonly uid: string;
  /** The network interface; undefined: the host's own choice. */
  readonly link: string | undefined;
}

/** The host's addresses, with a memory of whose they are that outlives this process. */
export interface LocalHost {
  /** Puts addresses on the host, and announces those that were not there. */
  add(addresses: readonly HeldAddress[]): Promise<void>;
  remove(addresses: readonly string[]): Promise<void>;
  /** All that have been put there, by whichever process. */
  list(): Promise<readonly (HeldAddress & { readonly created: string })[]>;
}
