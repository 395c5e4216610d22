/** Services as sidecars see them, and the destinations that their ports are. */
import type { Service } from "../../objects/types.ts";
import type { Destination } from "../gateway/model.ts";
import type { DestinationPolicy } from "../gateway/policy-model.ts";
import { readPreferredFamily } from "../gateway/routes/prefer-family.ts";
import type { Frontend, FrontendPort } from "../model.ts";
import type { MeshPort, MeshService } from "./model.ts";
import { hostnamesOf, hostOf, outboundName } from "./names.ts";
import { destinationProtocol, protocolOf } from "./protocol.ts";

/** Rules for a port, of all callers and of those in certain namespaces. */
export type PortRules = Pick<MeshPort, "rules" | "consumerRules">;

/** A Service with its TCP ports; UDP and SCTP are left alone. */
export function meshService(
  frontend: Frontend,
  clusterDomain: string,
  rulesOf: (port: FrontendPort) => PortRules,
): MeshService {
  const { key, kind, families, addresses } = frontend;
  const host = hostOf(key, clusterDomain);
  const ports = tcpPorts(frontend).map(
    (port): MeshPort => ({
      name: port.name,
      port: port.port,
      protocol: protocolOf(port),
      destination: outboundName(port.port, host),
      ...rulesOf(port),
    }),
  );
  return { key, hostnames: hostnamesOf(key, clusterDomain), kind, families, addresses, ports };
}

/** What traffic to a Service's ports comes to where no route says else, by key. */
export function destinationsOf(
  frontend: Frontend,
  service: Service | undefined,
  clusterDomain: string,
): ReadonlyMap<string, Destination> {
  const made = tcpPorts(frontend).map((port) => plainDestination(frontend, port, service, clusterDomain));
  return new Map(made.map((destination) => [destination.key, destination]));
}

/** `sessionAffinity: ClientIP`: by the client's address, as in the Service data plane; no table of clients is kept. */
const STICKY: DestinationPolicy = { loadBalancing: { kind: "hash", by: "source" } };

function plainDestination(
  { key, target, affinitySeconds }: Frontend,
  { name, appProtocol, port }: FrontendPort,
  service: Service | undefined,
  clusterDomain: string,
): Destination {
  const preferFamily = service && readPreferredFamily(service, []);
  return {
    key: outboundName(port, hostOf(key, clusterDomain)),
    target:
      target === undefined
        ? { kind: "frontend", frontend: key, port }
        : { kind: "hosts", hosts: [{ hostname: target, port }] },
    protocol: destinationProtocol(protocolOf({ name, appProtocol, port })),
    ...(preferFamily && { preferFamily }),
    ...(affinitySeconds !== undefined && { policy: STICKY }),
    origins: [{ kind: "Service", key, ...(name && { part: name }) }],
  };
}

function tcpPorts({ ports }: Frontend): readonly FrontendPort[] {
  return ports.filter(({ protocol }) => protocol === "TCP");
}
