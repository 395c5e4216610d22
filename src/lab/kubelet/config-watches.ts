import { Informer, type KubeClient } from "../../client/index.ts";
import { type Kind, KINDS } from "../../objects/kinds.ts";
import type { ConfigReference } from "./volume-content.ts";

interface Watch {
  readonly listeners: Set<() => void>;
  readonly stop: AbortController;
}

const KIND: Record<ConfigReference["kind"], Kind> = { configMap: KINDS.ConfigMap, secret: KINDS.Secret };

/** Follows the config maps and secrets that the volumes of this node's pods are made from: one watch for each. */
export class ConfigWatches {
  readonly #client: KubeClient;
  readonly #watches = new Map<string, Watch>();

  constructor(client: KubeClient) {
    this.#client = client;
  }

  /** Calls back after every change of an object until the signal aborts. */
  follow(
    kind: ConfigReference["kind"],
    namespace: string,
    name: string,
    listener: () => void,
    signal: AbortSignal,
  ): void {
    const key = [kind, namespace, name].join("/");
    const watch = this.#watches.get(key) ?? this.#start(key, KIND[kind], namespace, name);
    watch.listeners.add(listener);
    const end = (): void => {
      watch.listeners.delete(listener);
      if (watch.listeners.size > 0 || this.#watches.get(key) !== watch) return;
      this.#watches.delete(key);
      watch.stop.abort();
    };
    if (signal.aborted) end();
    else signal.addEventListener("abort", end, { once: true });
  }

  #start(key: string, kind: Kind, namespace: string, name: string): Watch {
    const watch: Watch = { listeners: new Set(), stop: new AbortController() };
    this.#watches.set(key, watch);
    const informer = new Informer(this.#client, kind, { namespace, fieldSelector: `metadata.name=${name}` });
    informer.onChange(() => {
      for (const listener of watch.listeners) listener();
    });
    informer.start(watch.stop.signal).catch(() => {}); // rejects when it is stopped before its first list
    return watch;
  }
}
