/**
 * Parts of a cluster's backends (lb_subset_config), chosen by what is known of a connection: the family of its client, or
 * the address of the pod that it was meant for. A backend is there once with its addresses of both families: whichever of
 * them is asked for means that backend, and where one family does not answer the other is tried.
 */
import { canonicalAddress } from "../../ip/address.ts";
import type { Family } from "../../ip/family.ts";
import { any, extension } from "../desired/names.ts";
import { isJsonObject, type JsonObject } from "../proto/index.ts";
import { DESTINATION_HEADER } from "./names.ts";

/** Where Envoy looks for what subsets are chosen by. */
export const SUBSETS = "envoy.lb";
/** The key for families of clients. */
export const FAMILY = "family";
const ADDRESS = "address";

/** What a connection says of the backends that it may go to; what is absent is any. */
export interface Subset {
  readonly family?: Family | undefined;
  /** One of the addresses of a pod. */
  readonly address?: string | undefined;
}

/** The families whose clients, and the addresses whose connections, a backend is for. */
export interface Membership {
  readonly families?: readonly Family[] | undefined;
  readonly addresses?: readonly string[] | undefined;
}

/** What a cluster needs to be asked by family of clients; a backend of neither family's subset still serves. */
export const BY_FAMILY: JsonObject = {
  lb_subset_config: {
    fallback_policy: "ANY_ENDPOINT",
    subset_selectors: [{ keys: [FAMILY] }],
    list_as_any: true,
  },
};

/** What a cluster needs to be asked for one pod, and no other instead; by family of clients as well where that counts. */
export function byAddress(byFamily: boolean): JsonObject {
  return {
    lb_subset_config: {
      subset_selectors: [{ keys: [ADDRESS] }, ...(byFamily ? [{ keys: [ADDRESS, FAMILY] }] : [])],
      list_as_any: true,
    },
  };
}

/** Fields of an endpoint's `filter_metadata`: which subsets it is in. */
export function memberOf({ families, addresses }: Membership): JsonObject {
  if (families === undefined && addresses === undefined) return {};
  return {
    [SUBSETS]: {
      ...(families && { [FAMILY]: oneOrAll(families) }),
      ...(addresses && { [ADDRESS]: oneOrAll(addresses.map(canonical)) }),
    },
  };
}

function oneOrAll(values: readonly string[]): string | string[] {
  const [only] = values;
  return values.length === 1 && only !== undefined ? only : [...values];
}

function canonical(address: string): string {
  return canonicalAddress(address) ?? address;
}

/** Fields of a TcpProxy or RouteAction that goes to a subset; none where all backends are meant. */
export function toSubset({ family, address }: Subset): JsonObject {
  if (family === undefined && address === undefined) return {};
  const wanted = {
    ...(family && { [FAMILY]: family }),
    ...(address !== undefined && { [ADDRESS]: canonical(address) }),
  };
  return { metadata_match: { filter_metadata: { [SUBSETS]: wanted } } };
}

/** A TcpProxy that goes to a subset. */
export function streamToSubset(filter: JsonObject, subset: Subset): JsonObject {
  const config = filter["typed_config"];
  const chosen = toSubset(subset);
  if (!isJsonObject(config) || Object.keys(chosen).length === 0) return filter;
  return { ...filter, typed_config: { ...config, ...chosen } };
}

const HEADER_TO_METADATA = "envoy.extensions.filters.http.header_to_metadata.v3.Config";
const POD = "pod";

/**
 * The HTTP filter by which requests go to the pod whose address they were sent to. It is in every chain, and off: the
 * virtual hosts of headless Services switch it on.
 */
export const POD_FILTER: JsonObject = { ...extension(POD, HEADER_TO_METADATA), disabled: true };

/** The `typed_per_filter_config` that switches it on. */
export const TO_POD: JsonObject = {
  [POD]: any(HEADER_TO_METADATA, {
    request_rules: [
      {
        header: DESTINATION_HEADER,
        on_header_present: {
          metadata_namespace: SUBSETS,
          key: ADDRESS,
          regex_value_rewrite: { pattern: { regex: "^.*\\|" }, substitution: "" },
        },
      },
    ],
  }),
};
