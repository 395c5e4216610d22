/**
 * How a listener finds the filter chain of a connection: whether it is HTTP, and by the address that it was meant for.
 * Envoy finds an address in a tree, so that thousands cost a look no more than a few. A chain is named once for all
 * addresses of its Service.
 */
import { cidrRange, encodedAny, extension } from "../desired/names.ts";
import { encode, type JsonObject } from "../proto/index.ts";
import { PLAIN_HTTP } from "./http.ts";

/** A matcher over ranges of addresses. */
export const IP_MATCHER = "xds.type.matcher.v3.IPMatcher";

const INPUTS = "envoy.extensions.matching.common_inputs.network.v3";
const DESTINATION = extension("ip", `${INPUTS}.DestinationIPInput`);
const PROTOCOL = extension("protocol", `${INPUTS}.ApplicationProtocolInput`);

/** What is done where something matches: the chain of that name is taken. Envoy wants some name for the action as well. */
export function toChain(name: string): JsonObject {
  return { action: extension("-", "google.protobuf.StringValue", { value: name }) };
}

/** Chains by what comes. */
export interface ChainChoice {
  /** The chain for HTTP; of two that for clients of each family. */
  readonly http: string | Readonly<Record<"IPv4" | "IPv6", string>>;
  /** Fields of an IPMatcher, for what is not HTTP; encoded, as there are many. */
  readonly ranges: Uint8Array;
  /** For all else. */
  readonly other: string;
}

/** A `filter_chain_matcher`. */
export function chainMatcher({ http, ranges, other }: ChainChoice): JsonObject {
  const isHttp = typeof http === "string" ? toChain(http) : { matcher: byFamily(http) };
  return {
    matcher_tree: {
      input: PROTOCOL,
      // quoted, as the input is a list
      exact_match_map: { map: Object.fromEntries(PLAIN_HTTP.map((version) => [`'${version}'`, isHttp])) },
    },
    on_no_match: ranges.length === 0 ? toChain(other) : { matcher: byAddress(ranges, other) },
  };
}

function byAddress(ranges: Uint8Array, other: string): JsonObject {
  const match = { name: "ip", typed_config: encodedAny(IP_MATCHER, ranges) };
  return { matcher_tree: { input: DESTINATION, custom_match: match }, on_no_match: toChain(other) };
}

function byFamily({ IPv4, IPv6 }: Readonly<Record<"IPv4" | "IPv6", string>>): JsonObject {
  const ranges = [
    { ranges: [cidrRange("0.0.0.0/0")], on_match: toChain(IPv4) },
    { ranges: [cidrRange("::/0")], on_match: toChain(IPv6) },
  ];
  return byAddress(encode(IP_MATCHER, { range_matchers: ranges }), IPv4);
}
