/** The output for all proxies: takes models and endpoints in, gives the changes of each proxy's resources out. */
import type { Frontend } from "../../traffic/model.ts";
import type { ProxyModel } from "../../traffic/gateway/model.ts";
import type { Resource, ResourceChange } from "../resources.ts";
import type { ProxyCapabilities } from "./capabilities.ts";
import type { MeshPeers } from "./peers.ts";
import { type ProxyMesh, ProxyOutput } from "./proxy-output.ts";
import { HostEncoder } from "./routes.ts";

/** Looks up a frontend of the traffic model by its key. */
export type FrontendLookup = (key: string) => Frontend | undefined;

/** What the proxies should have; incremental by the identity of the parts of models. */
export interface EnvoyOutput {
  /** Takes in a model (again); the lookup is kept for {@link endpointsChanged}. */
  update(proxy: ProxyModel, frontend: FrontendLookup): ResourceChange[];
  /** Takes in that a frontend has changed; only endpoints of the destinations that have it are made anew. */
  endpointsChanged(frontendKey: string): Map<string, ResourceChange[]>;
  /** Takes in that pods (`namespace/name`) have got a sidecar, have none any more, or take mutual TLS elsewhere. */
  peersChanged(pods: ReadonlySet<string>): Map<string, ResourceChange[]>;
  /** Takes in that a proxy shows another certificate to the mesh, its first one, or none any more. */
  identityChanged(proxy: string): ResourceChange[];
  /** Forgets a proxy. */
  remove(proxy: string): void;
  /** All that a proxy should have now; empty for one that is not known. */
  resources(proxy: string): Resource[];
}

/**
 * Makes the output. `capabilities` are those of all proxies' hosts, or a function of a proxy's key; a change of what it
 * returns counts with the next update of that proxy.
 * @param mesh where there is one: proxies then meet pods with sidecars by mutual TLS
 */
export function createEnvoyOutput(
  capabilities: ProxyCapabilities | ((proxy: string) => ProxyCapabilities),
  mesh?: MeshPeers,
): EnvoyOutput {
  const proxies = new Map<string, ProxyOutput>();
  const encoder = new HostEncoder();
  const of = typeof capabilities === "function" ? capabilities : () => capabilities;
  return {
    update(model, frontend) {
      let output = proxies.get(model.key);
      if (output === undefined) {
        output = new ProxyOutput(encoder, mesh && meshOf(mesh, model.key));
        proxies.set(model.key, output);
      }
      return output.update(model, frontend, of(model.key));
    },
    endpointsChanged: (frontendKey) => ofAll(proxies, (output) => output.endpointsChanged(frontendKey)),
    peersChanged: (pods) => ofAll(proxies, (output) => output.peersChanged(pods)),
    identityChanged: (proxy) => proxies.get(proxy)?.identityChanged() ?? [],
    remove(proxy) {
      proxies.delete(proxy);
    },
    resources(proxy) {
      return proxies.get(proxy)?.resources() ?? [];
    },
  };
}

function meshOf(mesh: MeshPeers, proxy: string): ProxyMesh {
  return {
    identityAt: (pod, port) => mesh.identityAt(pod, port),
    identity: () => mesh.identityOf(proxy),
  };
}

/** The changes of all proxies that have any. */
function ofAll(
  proxies: ReadonlyMap<string, ProxyOutput>,
  changesOf: (output: ProxyOutput) => ResourceChange[],
): Map<string, ResourceChange[]> {
  const changes = new Map<string, ResourceChange[]>();
  for (const [key, output] of proxies) {
    const those = changesOf(output);
    if (those.length > 0) changes.set(key, those);
  }
  return changes;
}
