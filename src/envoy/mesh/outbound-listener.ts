/**
 * What leaves a pod. Connections come to one listener (virtualOutbound), which hands each to the listener of the address
 * that it was meant for: a Service's port of bytes has one of its own with the addresses of both families, and those that
 * are HTTP, or may be, share one per port number (shared-listener.ts). None of them is a socket. A change of one Service
 * touches nobody else's connections.
 */
import type { Family } from "../../ip/family.ts";
import type { Telemetry } from "../../traffic/mesh/model.ts";
import { socketAddress } from "../desired/names.ts";
import { tcpProxy } from "../desired/stream.ts";
import type { JsonObject } from "../proto/index.ts";
import { chainsByFamily } from "./client-family.ts";
import {
  everythingTo,
  HTTP_INSPECTOR,
  INSPECTION,
  meshHttp,
  ORIGINAL_DST,
  PLAIN_HTTP,
  ROUTER,
} from "./http.ts";
import { CLUSTERS, listenerAddresses, OUTBOUND_STATS, SIDECAR_PORTS, wildcards } from "./names.ts";
import { type Subset, streamToSubset, toSubset } from "./subsets.ts";
import { httpTelemetry, streamTelemetry } from "./telemetry.ts";

/** Of what all listeners of an output are made alike. */
export interface OutboundStyle {
  readonly telemetry?: Telemetry | undefined;
  /** Backends are reached over the family of the client's connection first. */
  readonly preferClient?: boolean;
  readonly mark?: number | undefined;
}

/** A port of bytes, or one of a headless Service that has to be looked at. */
export interface StreamPort {
  readonly name: string;
  /** The addresses that clients connect to, those of one thing. */
  readonly addresses: readonly string[];
  readonly port: number;
  readonly cluster: string;
  /** Whether only the backend with these addresses is meant, of all in the cluster. */
  readonly direct?: boolean;
  /** Looks whether connections are HTTP. */
  readonly auto: boolean;
}

/** The listener of a Service's port. */
export function streamListener(port: StreamPort, style: OutboundStyle): JsonObject {
  const { name, addresses, auto } = port;
  const chains = chainsByFamily(prefers(style) && addresses.length > 1, (client) => {
    const subset = { family: client, address: port.direct ? addresses[0] : undefined };
    const stream = { filters: [streamToSubset(streamTo(port.cluster, style), subset)] };
    return auto ? [{ ...onlyHttp(), filters: [sniffedHttp(port, style, subset)] }, stream] : [stream];
  });
  return {
    name,
    ...listenerAddresses(addresses.map((address) => socketAddress(address, port.port))),
    stat_prefix: OUTBOUND_STATS,
    bind_to_port: false,
    traffic_direction: "OUTBOUND",
    ...(auto && { listener_filters: [HTTP_INSPECTOR], ...INSPECTION }),
    filter_chains: chains,
  };
}

/** Whether there are chains for each family of clients. */
export function prefers({ preferClient = false }: OutboundStyle): boolean {
  return preferClient;
}

function onlyHttp(): JsonObject {
  return { filter_chain_match: { application_protocols: PLAIN_HTTP } };
}

function sniffedHttp({ cluster }: StreamPort, { telemetry }: OutboundStyle, subset: Subset): JsonObject {
  return meshHttp({
    statPrefix: "outbound",
    routes: { config: everythingTo(cluster, toSubset(subset)) },
    filters: [ROUTER],
    more: httpTelemetry(telemetry, "source"),
  });
}

/** The filter by which bytes go to a cluster. There are thousands: its name is as short as can be. */
export function streamTo(cluster: string, { telemetry }: OutboundStyle): JsonObject {
  const forward = { shares: [{ weight: 1, destination: cluster }] };
  return streamTelemetry({ ...tcpProxy(forward, "outbound", {}), name: "tcp" }, telemetry, "source");
}

/** Where connections go that nobody is known for. */
export type UnknownOutbound = "passthrough" | "blocked";

/** The cluster for what nobody is known for. */
export function unknownCluster(unknown: UnknownOutbound): string {
  return unknown === "passthrough" ? CLUSTERS.passthrough : CLUSTERS.blackHole;
}

/** The one listener that capture sends to. Connections to its own port would come back for ever: they are closed. */
export function virtualOutbound(
  families: readonly Family[],
  unknown: UnknownOutbound,
  style: OutboundStyle,
): JsonObject {
  const port = SIDECAR_PORTS.outbound;
  return {
    name: "virtualOutbound",
    ...listenerAddresses(wildcards(families, port)),
    use_original_dst: true,
    traffic_direction: "OUTBOUND",
    listener_filters: [ORIGINAL_DST],
    filter_chains: [
      {
        name: "virtualOutbound-blackhole",
        filter_chain_match: { destination_port: port },
        filters: [streamTo(CLUSTERS.blackHole, style)],
      },
      { name: "virtualOutbound-catchall-tcp", filters: [streamTo(unknownCluster(unknown), style)] },
    ],
  };
}
