import type { Store } from "./contract.ts";
import { Engine } from "./engine.ts";
import { DEFAULT_HISTORY } from "./limits.ts";
import { OrderedMap } from "./ordered-map.ts";

/** A store that lives as long as the process: for tests, and for clusters that are thrown away. */
export function createMemoryStore(options: { readonly history?: number } = {}): Store<string> {
  const history = {
    ...DEFAULT_HISTORY,
    ...(options.history === undefined ? {} : { changes: options.history }),
  };
  const journal = { append: () => undefined, close: () => Promise.resolve() };
  return new Engine<string>({ entries: new OrderedMap(), revision: 0, journal, history });
}
