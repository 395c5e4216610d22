/**
 * The listener of a port number on which some Service speaks HTTP, or may. All of these Services share it: HTTP goes to the
 * route table of the number, where the address that a request was sent to says which Service is meant; what is not HTTP
 * goes to the filter chain of the Service with that address, and without one the way of the unknown.
 *
 * Where nothing but chains and their matcher is different, Envoy keeps the listener, and the connections of all chains
 * that are still there (ListenerManager, "filter chain only update"). So Services come and go without draining others.
 */
import type { Family } from "../../ip/family.ts";
import { httpFilters } from "../desired/http-filters.ts";
import { extension } from "../desired/names.ts";
import { encode, type JsonObject } from "../proto/index.ts";
import { TYPE_URLS } from "../resources.ts";
import { familyFilters } from "./client-family.ts";
import { chainMatcher } from "./destination-matcher.ts";
import { HTTP_INSPECTOR, INSPECTION, meshHttp } from "./http.ts";
import { DESTINATION_HEADER, listenerAddresses, wildcardName, wildcards } from "./names.ts";
import {
  type OutboundStyle,
  prefers,
  streamTo,
  type UnknownOutbound,
  unknownCluster,
} from "./outbound-listener.ts";
import type { SniffedPart } from "./sniffed-ports.ts";
import { POD_FILTER } from "./subsets.ts";
import { httpTelemetry } from "./telemetry.ts";

/** What such a listener is made of. */
export interface SharedPort {
  readonly port: number;
  readonly families: readonly Family[];
  readonly unknown: UnknownOutbound;
  /** The Services whose protocol nobody has said. */
  readonly sniffed: readonly SniffedPart[];
}

const OTHER = "other";
const NAMES = { IPv4: "http", IPv6: "http-ipv6" } as const;

/** The listener, encoded. */
export function sharedListener(shared: SharedPort, style: OutboundStyle): Uint8Array {
  const { port, families, unknown, sniffed } = shared;
  const byClient = prefers(style) && families.length > 1;
  const http = (name: string, client: Family | undefined) => ({
    name,
    filters: [requests(port, style, client)],
  });
  const head = encode(TYPE_URLS.listener, {
    name: wildcardName(families, port),
    ...listenerAddresses(wildcards(families, port)),
    bind_to_port: false,
    traffic_direction: "OUTBOUND",
    listener_filters: [HTTP_INSPECTOR],
    ...INSPECTION,
    filter_chain_matcher: chainMatcher({
      http: byClient ? NAMES : NAMES.IPv4,
      ranges: Buffer.concat(sniffed.map(({ ranges }) => ranges)),
      other: OTHER,
    }),
    filter_chains: [
      http(NAMES.IPv4, byClient ? "IPv4" : undefined),
      ...(byClient ? [http(NAMES.IPv6, "IPv6")] : []),
      { name: OTHER, filters: [streamTo(unknownCluster(unknown), style)] },
    ],
  });
  return Buffer.concat([head, ...sniffed.map(({ chains }) => chains)]);
}

function requests(port: number, { telemetry }: OutboundStyle, client: Family | undefined): JsonObject {
  return meshHttp({
    statPrefix: `outbound_${port}`,
    routes: { table: String(port) },
    filters: [...familyFilters(client), POD_FILTER, ...httpFilters({}, true)],
    more: {
      normalize_path: true,
      early_header_mutation_extensions: [WHERE_TO],
      ...httpTelemetry(telemetry, "source"),
    },
  });
}

/** Whatever a client says of it, the header is ours: it is written before a virtual host is looked for. */
const WHERE_TO = extension(
  "destination",
  "envoy.extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation",
  {
    mutations: [
      {
        append: {
          header: {
            key: DESTINATION_HEADER,
            value: "%REQ(:AUTHORITY)%|%DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT%",
          },
          append_action: "OVERWRITE_IF_EXISTS_OR_ADD",
        },
      },
    ],
  },
);
