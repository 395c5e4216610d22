/**
 * Connections to backends over the family that the client's connection has, where a policy asks for it.
 *
 * A backend is then there twice in its endpoints, once per order of its addresses, and a subset of the cluster is those
 * that begin with a family. Listeners choose the subset by the address that the client connected to: they have their
 * filter chains twice. Clusters, route tables, and all sidecars without such a policy stay as they are. The other
 * family is still tried where the first does not answer.
 */
import { familyOfText } from "../../ip/address.ts";
import { type Family, FAMILIES } from "../../ip/family.ts";
import type { Destination } from "../../traffic/gateway/model.ts";
import { namedHosts } from "../desired/cluster.ts";
import { cidrRange, extension } from "../desired/names.ts";
import type { Target } from "../desired/endpoints.ts";
import { isJsonObject, type JsonObject } from "../proto/index.ts";
import { FAMILY, SUBSETS } from "./subsets.ts";

/** What resources depend on in which one family may come before the other. */
export interface OfOrder {
  readonly families: readonly Family[];
  /** Backends are reached over the family of the client's connection first. */
  readonly preferClient?: boolean;
}

/**
 * Whether the backends of a destination may be there in each order of their addresses: where neither the Service itself
 * says which family is first, nor a name has to be resolved; nor has Envoy subsets where it hashes (Cluster,
 * `load_balancing_policy`).
 */
export function takesOrders(destination: Destination): boolean {
  const hashes = destination.policy?.loadBalancing?.kind === "hash";
  return destination.preferFamily === undefined && !namedHosts(destination) && !hashes;
}

/** A backend in each order of its addresses, with the families of clients that each is for. */
export function inEachOrder(
  target: Target,
): readonly { readonly target: Target; readonly families: readonly Family[] }[] {
  const { addresses } = target;
  const families = [...new Set(addresses.flatMap((address) => familyOfText(address) ?? []))];
  if (families.length < 2) return [{ target, families: FAMILIES }];
  return families.map((family) => ({
    target: { ...target, addresses: firstOf(family, addresses) },
    families: [family],
  }));
}

function firstOf(family: Family, addresses: readonly string[]): string[] {
  const isFirst = (address: string) => familyOfText(address) === family;
  return [...addresses.filter(isFirst), ...addresses.filter((address) => !isFirst(address))];
}

/** The filter chains of a listener: as they are, or for each family of clients with what says which it is. */
export function chainsByFamily(
  wanted: boolean,
  chains: (client: Family | undefined) => readonly JsonObject[],
): readonly JsonObject[] {
  if (!wanted) return chains(undefined);
  return (["IPv4", "IPv6"] as const).flatMap((family) => chains(family).map((chain) => only(family, chain)));
}

const ALL: Readonly<Record<Family, string>> = { IPv4: "0.0.0.0/0", IPv6: "::/0" };

/**
 * Both say their family: to Envoy a chain without an address has those of both, and of two with the same it takes any.
 * It looks at the address first, and does not come back to other chains.
 */
function only(family: Family, chain: JsonObject): JsonObject {
  const match = isJsonObject(chain["filter_chain_match"]) ? chain["filter_chain_match"] : {};
  const isNamed = family === "IPv6" && typeof chain["name"] === "string";
  return {
    ...chain,
    ...(isNamed && { name: `${chain["name"] as string}-ipv6` }),
    filter_chain_match: { ...match, prefix_ranges: [cidrRange(ALL[family])] },
  };
}

/** The HTTP filter by which requests go to the subset of a family; none where no family is asked for. */
export function familyFilters(client: Family | undefined): JsonObject[] {
  if (client === undefined) return [];
  return [
    extension("client_family", "envoy.extensions.filters.http.set_metadata.v3.Config", {
      metadata: [{ metadata_namespace: SUBSETS, value: { [FAMILY]: client } }],
    }),
  ];
}
