import { KINDS, type Kind } from "../../objects/kinds.ts";
import type { Webhook, WebhookConfiguration } from "../../objects/webhooks/types.ts";
import type { Store } from "../../store/contract.ts";
import { prefixOf } from "../registry/keys.ts";

/** A webhook and where it is registered. */
export interface Registered {
  readonly configuration: string;
  readonly webhook: Webhook;
}

/**
 * The webhooks that are registered, in the order of their configurations' names and within those as they are listed.
 * Read from the store when they are first asked for after a change.
 */
export class Registrations {
  readonly #store: Store<string>;
  readonly #kind: Kind;
  #known: readonly Registered[] | undefined;

  constructor(store: Store<string>, type: "mutating" | "validating") {
    this.#store = store;
    this.#kind =
      type === "mutating" ? KINDS.MutatingWebhookConfiguration : KINDS.ValidatingWebhookConfiguration;
    store.watch(prefixOf(this.#kind), store.revision, {
      onChanges: () => {
        this.#known = undefined;
      },
    });
  }

  get all(): readonly Registered[] {
    this.#known ??= this.#store
      .range(prefixOf(this.#kind))
      .entries.map(({ value }) => JSON.parse(value) as WebhookConfiguration)
      .flatMap(({ metadata, webhooks = [] }) =>
        webhooks.map((webhook) => ({ configuration: metadata.name, webhook })),
      );
    return this.#known;
  }
}
