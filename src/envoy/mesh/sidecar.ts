/** What belongs to one sidecar alone: what it lets in, its own clusters, its certificate. */
import { type Family, familiesOf } from "../../ip/family.ts";
import type { Sidecar } from "../../traffic/mesh/model.ts";
import type { Wanted } from "../desired/resource-set.ts";
import { identitySecrets, type WorkloadIdentity } from "./identity.ts";
import { inboundClusters, virtualInbound } from "./inbound.ts";
import { type Layer, made } from "./layer.ts";
import { collectorClusters } from "./telemetry.ts";
import { TLS_SECRETS } from "./tls.ts";

/** What is the same for all sidecars of an output. */
export interface SidecarStyle {
  readonly mark?: number | undefined;
}

/** The families of a sidecar, the preferred one first. */
export function familiesOfSidecar({ families, addresses }: Sidecar): readonly Family[] {
  const there = familiesOf(addresses, families);
  return there.length > 0 ? there : families;
}

/** Brings a sidecar's own resources up to date. */
export function putSidecar(
  layer: Layer,
  sidecar: Sidecar,
  identity: WorkloadIdentity | undefined,
  style: SidecarStyle,
): void {
  const inbound = { families: familiesOfSidecar(sidecar), ...style };
  const families = inbound.families.join();
  layer.replace("cluster", ownClusters(sidecar, inbound));
  layer.replace("listener", [
    {
      name: "virtualInbound",
      from: [sidecar, families],
      make: () =>
        made("listener", virtualInbound(sidecar, inbound), {
          needsClusters: collectorClusters(sidecar.telemetry),
          needsRoutes: takesMutualTls(sidecar) ? TLS_SECRETS : [],
          origins: originsOf(sidecar),
        }),
    },
  ]);
  layer.replace("secret", identity === undefined ? [] : identitySecrets(identity));
}

function takesMutualTls({ mutualTls, portMutualTls }: Sidecar): boolean {
  return [mutualTls, ...Object.values(portMutualTls)].some((mode) => mode !== "disabled");
}

/** The pod, and the policies that say how it is to be. */
function originsOf({ key, policies = [], authorization }: Sidecar): string[] {
  const rules = authorization.map(({ origin }) => `${origin.kind}/${origin.key}`);
  return [`Pod/${key}`, ...policies.map((policy) => `MeshPolicy/${policy}`), ...new Set(rules)];
}

function ownClusters(sidecar: Sidecar, style: Parameters<typeof inboundClusters>[1]): Wanted[] {
  const origins = [`Pod/${sidecar.key}`];
  return inboundClusters(sidecar, style).map((cluster) => ({
    name: String(cluster["name"]),
    from: [sidecar],
    make: () => made("cluster", cluster, { origins }),
  }));
}
