/** The xDS server of a mesh. */
import { type AdsOptions, type AdsServer, startAdsServer } from "../../envoy/ads/index.ts";
import { missingTarget } from "../../envoy/mesh/index.ts";
import { GRPC_CLIENTS } from "./grpc-clients.ts";
import { MESH_GRPC_PORT, MESH_XDS_PORT } from "./ports.ts";
import type { MeshOptions } from "./run.ts";
import type { ServerCredentials } from "./server-credentials.ts";

/**
 * Over mutual TLS: a sidecar gets what is its own by its certificate and its pod. Applications that speak xDS themselves
 * have a port without TLS, where nothing secret is told.
 */
export async function startXds(
  { listen, xdsPort = MESH_XDS_PORT, grpcPort = MESH_GRPC_PORT }: MeshOptions,
  servers: ServerCredentials,
  authorize: AdsOptions["authorize"],
): Promise<AdsServer> {
  const ads = await startAdsServer({
    listen: [
      ...listen.map((host) => ({ host, port: xdsPort })),
      ...listen.map((host) => ({ host, port: grpcPort, open: true })),
    ],
    tls: servers.xds,
    authorize,
    standIn: standIns(),
  });
  servers.onXds((next) => ads.setCertificates(next));
  return ads;
}

/** Targets that nobody has. A client may ask for many names: what is more than that waits for its own timeout. */
function standIns(): NonNullable<AdsOptions["standIn"]> {
  const names = new Set<string>();
  return (proxy, name) => {
    if (proxy !== GRPC_CLIENTS || (names.size >= MOST_STAND_INS && !names.has(name))) return undefined;
    names.add(name);
    return missingTarget(name);
  };
}

const MOST_STAND_INS = 1_000;
