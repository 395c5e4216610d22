/** The output for all proxies: takes models and endpoints in, gives the changes of each proxy's resources out. */
import type { Frontend } from "../../traffic/model.ts";
import type { ProxyModel } from "../../traffic/gateway/model.ts";
import type { Resource, ResourceChange } from "../resources.ts";
import type { ProxyCapabilities } from "./capabilities.ts";
import { ProxyOutput } from "./proxy-output.ts";
import { HostEncoder } from "./routes.ts";

/** Looks up a frontend of the traffic model by its key. */
export type FrontendLookup = (key: string) => Frontend | undefined;

/** What the proxies should have; incremental by the identity of the parts of models. */
export interface EnvoyOutput {
  /** Takes in a model (again); the lookup is kept for {@link endpointsChanged}. */
  update(proxy: ProxyModel, frontend: FrontendLookup): ResourceChange[];
  /** Takes in that a frontend has changed; only endpoints of the destinations that have it are made anew. */
  endpointsChanged(frontendKey: string): Map<string, ResourceChange[]>;
  /** Forgets a proxy. */
  remove(proxy: string): void;
  /** All that a proxy should have now; empty for one that is not known. */
  resources(proxy: string): Resource[];
}

/**
 * Makes the output. `capabilities` are those of all proxies' hosts, or a function of a proxy's key; a change of what it
 * returns counts with the next update of that proxy.
 */
export function createEnvoyOutput(
  capabilities: ProxyCapabilities | ((proxy: string) => ProxyCapabilities),
): EnvoyOutput {
  const proxies = new Map<string, ProxyOutput>();
  const encoder = new HostEncoder();
  const of = typeof capabilities === "function" ? capabilities : () => capabilities;
  return {
    update(model, frontend) {
      let output = proxies.get(model.key);
      if (output === undefined) {
        output = new ProxyOutput(encoder);
        proxies.set(model.key, output);
      }
      return output.update(model, frontend, of(model.key));
    },
    endpointsChanged(frontendKey) {
      const changes = new Map<string, ResourceChange[]>();
      for (const [key, output] of proxies) {
        const those = output.endpointsChanged(frontendKey);
        if (those.length > 0) changes.set(key, those);
      }
      return changes;
    },
    remove(proxy) {
      proxies.delete(proxy);
    },
    resources(proxy) {
      return proxies.get(proxy)?.resources() ?? [];
    },
  };
}
