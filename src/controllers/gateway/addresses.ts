/** How a Gateway can be reached, as its Service says; and where a family is missing, why. Pure. */
import { canonicalAddress, familyOfText } from "../../ip/address.ts";
import { FAMILIES, type Family } from "../../ip/family.ts";
import type { GatewayAddress } from "../../objects/gateway/index.ts";
import type { Node, Service } from "../../objects/types.ts";

/** The addresses of a Gateway, the preferred family first. */
export interface Reachability {
  readonly addresses: readonly Required<GatewayAddress>[];
  /** Families that were asked for and are not there, each with the reason. */
  readonly missing: readonly { readonly family: Family; readonly why: string }[];
  /** Addresses of spec.addresses that the Service did not get. */
  readonly unusable: readonly string[];
}

/** Reads a Gateway's addresses off its Service; `nodes` count for type NodePort only. */
export function reachabilityOf(
  service: Service,
  asked: { readonly staticAddresses?: readonly string[] },
  nodes: readonly Node[],
): Reachability {
  const order = service.spec.ipFamilies ?? [];
  const found = inOrder(addressesOf(service, nodes), order);
  const wanted = (asked.staticAddresses ?? []).map((text) => canonicalAddress(text) ?? text);
  const unusable = wanted.filter((address) => !found.some(({ value }) => value === address));
  const addresses = wanted.length === 0 ? found : found.filter(({ value }) => wanted.includes(value));
  return { addresses, missing: missingFamilies(service, found), unusable };
}

function addressesOf(service: Service, nodes: readonly Node[]): Required<GatewayAddress>[] {
  const { type, clusterIPs = [], externalIPs = [] } = service.spec;
  const external = externalIPs.map(ipAddress);
  if (type === "LoadBalancer")
    return [...(service.status?.loadBalancer?.ingress ?? []).flatMap(ofIngress), ...external];
  if (type === "NodePort") return [...nodes.flatMap(ofNode), ...external];
  return [...clusterIPs.filter((text) => text !== "None").map(ipAddress), ...external];
}

function ipAddress(text: string): Required<GatewayAddress> {
  return { type: "IPAddress", value: canonicalAddress(text) ?? text };
}

function ofIngress({ ip, hostname }: { ip?: string; hostname?: string }): Required<GatewayAddress>[] {
  if (ip) return [ipAddress(ip)];
  return hostname ? [{ type: "Hostname", value: hostname }] : [];
}

function ofNode({ status }: Node): Required<GatewayAddress>[] {
  const all = status?.addresses ?? [];
  const external = all.filter(({ type }) => type === "ExternalIP");
  const chosen = external.length > 0 ? external : all.filter(({ type }) => type === "InternalIP");
  return chosen.map(({ address }) => ipAddress(address));
}

/** Status takes 16 addresses at most. */
const MAX_ADDRESSES = 16;

function inOrder(
  addresses: readonly Required<GatewayAddress>[],
  order: readonly Family[],
): Required<GatewayAddress>[] {
  const rank = ({ value }: Required<GatewayAddress>): number => {
    const family = familyOfText(value);
    const index = family === undefined ? -1 : order.indexOf(family);
    return index < 0 ? order.length : index;
  };
  const unique = addresses.filter(
    ({ value }, index) => addresses.findIndex((other) => other.value === value) === index,
  );
  return unique.sort((a, b) => rank(a) - rank(b)).slice(0, MAX_ADDRESSES);
}

function missingFamilies(
  service: Service,
  found: readonly Required<GatewayAddress>[],
): Reachability["missing"] {
  const { ipFamilies = [], ipFamilyPolicy, type } = service.spec;
  const has = (family: Family) => found.some(({ value }) => familyOfText(value) === family);
  if (found.some((address) => address.type === "Hostname")) return [];
  const ungranted =
    ipFamilyPolicy === "SingleStack" ? [] : FAMILIES.filter((family) => !ipFamilies.includes(family));
  const silent = ipFamilies.filter((family) => !has(family));
  return [
    ...silent.map((family) => ({ family, why: whyNoAddress(service, family, type) })),
    ...ungranted.map((family) => ({
      family,
      why: `the Service got ${ipFamilies.join(" and ")} only: the cluster has no ${family} Service range`,
    })),
  ];
}

function whyNoAddress({ status }: Service, family: Family, type: string | undefined): string {
  if (type === "NodePort") return `no node has an ${family} address`;
  if (type !== "LoadBalancer") return `the Service has no ${family} address`;
  const none = (status?.loadBalancer?.ingress ?? []).length === 0;
  return none
    ? "the load balancer has given no address yet"
    : `the load balancer has given no ${family} address`;
}
