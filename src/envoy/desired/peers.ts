/**
 * Backends with sidecars, as proxies of Gateways meet them where a mesh runs too: by mutual TLS, with an identity of the
 * proxy's own. Each endpoint says whether it takes that, exactly as it does in sidecars; nothing here is the proxy's
 * where there is no such backend.
 */
import type { Destination } from "../../traffic/gateway/model.ts";
import type { Frontend } from "../../traffic/model.ts";
import type { WorkloadIdentity } from "../mesh/identity.ts";
import { backendsAt, podOf } from "../mesh/services.ts";
import { peerSocketMatches, TLS_SECRETS } from "../mesh/tls.ts";
import type { JsonObject } from "../proto/index.ts";
import type { Target } from "./endpoints.ts";

/** What is known of a mesh. */
export interface MeshPeers {
  /** The identity that the sidecar of a pod (`namespace/name`) shows at a port; undefined: it takes plain bytes. */
  identityAt(pod: string, port: number): string | undefined;
  /**
   * What a proxy shows, by its key; undefined: it is not in the mesh, and speaks plain bytes to all. Only asked for a
   * proxy that has a backend with a sidecar.
   */
  identityOf(proxy: string): WorkloadIdentity | undefined;
}

/** Whom a cluster meets by mutual TLS. */
export interface Met {
  /** Each once, in order. */
  readonly identities: readonly string[];
  /** A text that is another one when another one of the backends is met so. */
  readonly which: string;
  isPeer(target: Pick<Target, "pod" | "port">): boolean;
}

/** No backend is. */
export const NOBODY: Met = { identities: [], which: "", isPeer: () => false };

/**
 * Those among the backends of a destination, ready or not, that are met by mutual TLS. A BackendTLSPolicy decides for
 * itself, and the PROXY protocol is spoken before any TLS, where a sidecar does not expect it: both leave it as it is.
 */
export function metBy(
  destination: Destination,
  frontend: Frontend | undefined,
  mesh: Pick<MeshPeers, "identityAt">,
): Met {
  const { tls, protocol, policy } = destination;
  if (tls !== undefined || protocol === "udp" || policy?.proxyProtocol !== undefined) return NOBODY;
  const found = backendsAt(destination, frontend).map((one) => {
    const pod = podOf(one);
    return pod === undefined ? undefined : mesh.identityAt(pod, one.port);
  });
  const identities = [...new Set(found.filter((identity) => identity !== undefined))].sort();
  if (identities.length === 0) return NOBODY;
  return {
    identities,
    which: found.map((identity) => (identity === undefined ? "-" : "+")).join(""),
    isPeer: ({ pod, port }) => pod !== undefined && mesh.identityAt(pod, port) !== undefined,
  };
}

/** A cluster with the choice between its endpoints with sidecars and the others, if there are any. */
export function withPeers(cluster: JsonObject, { identities }: Met): JsonObject {
  return identities.length === 0
    ? cluster
    : { ...cluster, transport_socket_matches: peerSocketMatches(identities) };
}

/** The secrets that a cluster needs. */
export function peerSecrets({ identities }: Met): readonly string[] {
  return identities.length === 0 ? [] : TLS_SECRETS;
}
