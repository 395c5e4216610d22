/**
 * What comes to a pod. One listener takes all of it, and tells by the port that it was meant for, by whether a sidecar
 * sends it, and where it must by its first bytes, what it is. The application is reached at the address and over the
 * family that the caller used; so a caller that tried one family and failed finds out, and takes the other.
 */
import type { Family } from "../../ip/family.ts";
import type { InboundPort, MeshProtocol, Sidecar } from "../../traffic/mesh/model.ts";
import { closeFilter, tcpProxy } from "../desired/stream.ts";
import type { JsonObject } from "../proto/index.ts";
import { HTTP2 } from "../desired/cluster.ts";
import { httpAuthorization, streamAuthorization } from "./authorization.ts";
import {
  everythingTo,
  HTTP_INSPECTOR,
  INSPECTION,
  meshHttp,
  ORIGINAL_DST,
  PLAIN_HTTP,
  ROUTER,
  SAME_VERSION,
  TLS_INSPECTOR,
} from "./http.ts";
import {
  CLUSTERS,
  INBOUND_SOURCES,
  inboundCluster,
  listenerAddresses,
  markOption,
  MESH_SERVER_NAME,
  SIDECAR_PORTS,
  wildcards,
} from "./names.ts";
import { httpTelemetry, strangerTelemetry, streamTelemetry } from "./telemetry.ts";
import { inboundSocket } from "./tls.ts";

/** How what comes in is treated alike for all ports. */
export interface InboundStyle {
  readonly families: readonly Family[];
  /** Marks connections to the application, where capture tells them apart by that (SO_MARK, socket(7)). */
  readonly mark?: number | undefined;
}

/** Whether a protocol is HTTP for sure, for sure not, or has to be looked at. */
type Speaks = "http" | "stream" | "either";

const SPEAKS: Readonly<Record<MeshProtocol, Speaks>> = {
  http: "http",
  http2: "http",
  grpc: "http",
  tls: "stream",
  tcp: "stream",
  auto: "either",
};

/** The listener that capture sends to. */
export function virtualInbound(sidecar: Sidecar, style: InboundStyle): JsonObject {
  const own = SIDECAR_PORTS.inbound;
  const unseen = uninspected(sidecar);
  const inspect = (filter: JsonObject) =>
    unseen === undefined ? filter : { ...filter, filter_disabled: unseen };
  return {
    name: "virtualInbound",
    ...listenerAddresses(wildcards(style.families, own)),
    traffic_direction: "INBOUND",
    ...strangerTelemetry(sidecar.telemetry),
    listener_filters: [ORIGINAL_DST, ...[TLS_INSPECTOR, HTTP_INSPECTOR].map(inspect)],
    ...INSPECTION,
    filter_chains: [
      {
        name: "virtualInbound-blackhole",
        filter_chain_match: { destination_port: own },
        filters: [closeFilter()],
      },
      ...sidecar.inbound.flatMap((port) => portChains(port, sidecar)),
      ...passthroughChains(sidecar),
    ],
  };
}

/**
 * What is not looked at: ports of bytes without mutual TLS, as where the server speaks first a caller has nothing to say,
 * and would wait. Where that is all of a pod, only the ports are looked at that have mutual TLS, or may be HTTP.
 */
function uninspected({ mutualTls, portMutualTls, inbound }: Sidecar): JsonObject | undefined {
  const isDisabled = (port: number) => (portMutualTls[port] ?? mutualTls) === "disabled";
  if (mutualTls !== "disabled")
    return anyPort(
      inbound.filter(({ port, protocol }) => isDisabled(port) && SPEAKS[protocol] === "stream").map(portOf),
    );
  const open = inbound.filter(({ protocol }) => SPEAKS[protocol] === "either").map(portOf);
  const mutual = Object.keys(portMutualTls)
    .map(Number)
    .filter((port) => !isDisabled(port));
  const seen = anyPort([...new Set([...open, ...mutual])]);
  return seen === undefined ? { any_match: true } : { not_match: seen };
}

function portOf({ port }: InboundPort): number {
  return port;
}

/** A connection to any of these ports; undefined where there are none. */
function anyPort(ports: readonly number[]): JsonObject | undefined {
  const rules = ports.map((port) => ({ destination_port_range: { start: port, end: port + 1 } }));
  return rules.length > 1 ? { or_match: { rules } } : rules[0];
}

function portChains({ port, protocol }: InboundPort, sidecar: Sidecar): JsonObject[] {
  const mode = sidecar.portMutualTls[port] ?? sidecar.mutualTls;
  const to = { cluster: inboundCluster(port), match: { destination_port: port }, name: String(port) };
  return chains(to, SPEAKS[protocol], mode, sidecar);
}

/** Ports that no Service and no container has said anything about: bytes, under the same rules, and policies' exceptions. */
function passthroughChains(sidecar: Sidecar): JsonObject[] {
  const { inbound, portMutualTls, mutualTls } = sidecar;
  const cluster = CLUSTERS.inboundPassthrough;
  const exceptions = Object.entries(portMutualTls).filter(
    ([port, mode]) => mode !== mutualTls && !inbound.some((one) => one.port === Number(port)),
  );
  return [
    ...exceptions.flatMap(([port, mode]) =>
      chains({ cluster, match: { destination_port: Number(port) }, name: port }, "stream", mode, sidecar),
    ),
    ...chains({ cluster, match: {}, name: "virtualInbound-catchall" }, "stream", mutualTls, sidecar),
  ];
}

interface Toward {
  readonly name: string;
  readonly cluster: string;
  readonly match: JsonObject;
}

function chains(to: Toward, speaks: Speaks, mode: Sidecar["mutualTls"], sidecar: Sidecar): JsonObject[] {
  const http = () => httpFilter(to, sidecar);
  const stream = () => streamFilters(to, sidecar);
  const chain = (name: string, match: JsonObject, filters: readonly JsonObject[], tls?: JsonObject) => ({
    name: `${to.name}-${name}`,
    filter_chain_match: { ...to.match, ...match },
    filters,
    ...(tls && { transport_socket: tls, transport_socket_connect_timeout: "10s" }),
  });
  const made: JsonObject[] = [];
  if (mode !== "disabled") {
    const peer = { transport_protocol: "tls", server_names: [MESH_SERVER_NAME] };
    const peerHttp = { ...peer, application_protocols: ["h2", "http/1.1"] };
    if (speaks === "http") made.push(chain("mtls-http", peer, http(), inboundSocket(true)));
    if (speaks === "either") made.push(chain("mtls-http", peerHttp, http(), inboundSocket(true)));
    if (speaks !== "http") made.push(chain("mtls", peer, stream(), inboundSocket(false)));
  }
  if (mode !== "strict") {
    const plainHttp = { application_protocols: PLAIN_HTTP };
    if (speaks === "http") made.push(chain("http", {}, http()));
    if (speaks === "either") {
      made.push(chain("http", plainHttp, http()));
      // an application's own TLS may offer http/1.1 as well; Envoy asks for TLS before it asks for that
      made.push(chain("tls", { transport_protocol: "tls" }, stream()));
    }
    if (speaks !== "http") made.push(chain("plain", {}, stream()));
  }
  return made;
}

function httpFilter({ cluster }: Toward, { authorization, telemetry }: Sidecar): JsonObject[] {
  return [
    meshHttp({
      statPrefix: "inbound",
      routes: { config: everythingTo(cluster) },
      filters: [...httpAuthorization(authorization), ROUTER],
      more: {
        normalize_path: true,
        ...httpTelemetry(telemetry, "destination"),
        // Who asked, as the mesh knows it; what callers say of themselves is not passed on.
        forward_client_cert_details: "SANITIZE_SET",
        set_current_client_cert_details: { uri: true },
      },
    }),
  ];
}

function streamFilters({ cluster }: Toward, { authorization, telemetry }: Sidecar): JsonObject[] {
  const forward = { shares: [{ weight: 1, destination: cluster }] };
  const proxy = tcpProxy(forward, "inbound", {});
  return [...streamAuthorization(authorization), streamTelemetry(proxy, telemetry, "destination")];
}

/** The clusters of the pod's own ports, and that of all others. */
export function inboundClusters({ inbound }: Sidecar, style: InboundStyle): JsonObject[] {
  return [
    ...inbound.map(({ port, protocol }) => ownCluster(inboundCluster(port), protocol, style)),
    ownCluster(CLUSTERS.inboundPassthrough, "auto", style),
  ];
}

/** Connects where the connection was going, from an address of the same family that capture knows. */
function ownCluster(name: string, protocol: MeshProtocol, { families, mark }: InboundStyle): JsonObject {
  const [first, second] = families.map((family) => ({
    address: INBOUND_SOURCES[family],
    port_value: 0,
  }));
  return {
    name,
    type: "ORIGINAL_DST",
    lb_policy: "CLUSTER_PROVIDED",
    upstream_bind_config: {
      source_address: first,
      ...(second && { extra_source_addresses: [{ address: second }] }),
      ...(mark !== undefined && { socket_options: [markOption(mark)] }),
    },
    ...(SPEAKS[protocol] !== "stream" && {
      typed_extension_protocol_options: protocol === "http2" || protocol === "grpc" ? HTTP2 : SAME_VERSION,
    }),
  };
}
