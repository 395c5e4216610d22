/** The layer of what every sidecar has, and of the listeners of port numbers that Services share. */
import type { Wanted } from "../desired/resource-set.ts";
import { type Layer, made } from "./layer.ts";
import { wildcardName } from "./names.ts";
import type { Dirty, Outbound } from "./outbound.ts";
import { fixedClusters } from "./outbound-cluster.ts";
import { type UnknownOutbound, virtualOutbound } from "./outbound-listener.ts";
import type { OfServices } from "./service-layer.ts";
import { sharedListener } from "./shared-listener.ts";
import { collectorClusters, tracingClusters } from "./telemetry.ts";

/** What the listeners that Services share depend on. */
export interface OfEdge extends OfServices {
  readonly unknown: UnknownOutbound;
}

/** Brings what every sidecar has, and the listeners of port numbers that Services share, up to date. */
export function putEdge(layer: Layer, of: OfEdge, outbound: Outbound, dirty: Dirty): void {
  const { families, unknown, telemetry } = of;
  for (const json of [...fixedClusters(), ...tracingClusters(telemetry, families)]) {
    layer.put("cluster", { name: String(json["name"]), from: [], make: () => made("cluster", json) });
  }
  layer.put("listener", {
    name: "virtualOutbound",
    from: [],
    make: () => made("listener", virtualOutbound(families, unknown, of)),
  });
  for (const port of dirty.ports) {
    const name = wildcardName(families, port);
    if (!outbound.ports.has(port)) layer.delete("listener", name);
    else layer.put("listener", sharedPort(name, port, of, outbound));
  }
}

function sharedPort(name: string, port: number, of: OfEdge, outbound: Outbound): Wanted {
  const ports = outbound.sniffed.get(port);
  return {
    name,
    from: [ports, ports?.revision],
    make: () => {
      const sniffed = ports?.parts(of) ?? [];
      return {
        bytes: sharedListener({ port, families: of.families, unknown: of.unknown, sniffed }, of),
        needsRoutes: [String(port)],
        needsClusters: [
          ...sniffed.flatMap(({ cluster: name }) => (outbound.destinations.has(name) ? [name] : [])),
          ...collectorClusters(of.telemetry),
        ],
        get origins() {
          return sniffed.map(({ service }) => `Service/${service}`);
        },
      };
    },
  };
}
