/**
 * The subnets of a load balancer, one a zone: those named, else those of the load balancer there is, else found by tags
 * or routes. The choice and the words are the AWS controller's (pkg/networking/subnet_resolver.go).
 */
import type { AnnotationName } from "../../traffic/balancer/index.ts";
import type { BalancerModel, BalancerScheme } from "../../traffic/balancer/model.ts";
import type { LoadBalancer, Subnet, Surroundings } from "./model.ts";
import { refuse } from "./refusal.ts";

/** Free addresses that a load balancer needs in a subnet. */
const LEAST_ADDRESSES = 8;
const ROLE_TAGS = {
  internal: "kubernetes.io/role/internal-elb",
  "internet-facing": "kubernetes.io/role/elb",
} as const;
const CLUSTER_TAG = "kubernetes.io/cluster/";

/** Chooses subnets, in the order that lists of addresses follow. Throws a Refusal. */
export function chooseSubnets(
  model: BalancerModel,
  scheme: BalancerScheme,
  surroundings: Surroundings,
  kept: LoadBalancer | undefined,
): Subnet[] {
  const { subnets: named, ipAddressType } = model.aws;
  if (named.length > 0) return checked(findNamed(named, surroundings), ipAddressType);
  if (kept !== undefined && kept.subnets.length > 0) {
    const ids = kept.subnets.map(({ subnetId }) => subnetId);
    return checked(findNamed(ids, surroundings), ipAddressType);
  }
  const candidates = discover(scheme, surroundings);
  const chosen = onePerZone(eligible(candidates, surroundings, ipAddressType), surroundings.clusterName);
  checkLocale(chosen);
  return chosen;
}

/** Ids and names in their order; a name that several subnets have stands for them one after the other. */
function findNamed(named: readonly string[], { subnets }: Surroundings): Subnet[] {
  checkIds(named, subnets);
  const byName = Map.groupBy(subnets.toSorted(byId), ({ tags }) => tags["Name"]);
  const missing = [...new Set(named)].filter((it) => !isId(it) && !byName.has(it));
  if (missing.length > 0)
    throw refused(
      `couldn't find all subnets, missing names: [${missing.join(" ")}]`,
      "name subnets of the VPC",
    );
  const used = new Map<string, number>();
  return named.map((it) => {
    if (isId(it)) return subnets.find(({ id }) => id === it) as Subnet;
    const count = used.get(it) ?? 0;
    used.set(it, count + 1);
    const all = byName.get(it) ?? [];
    const subnet = all[count];
    if (subnet !== undefined) return subnet;
    const message = `subnet with Name tag ${JSON.stringify(it)} requested ${count + 1} times but only ${all.length} subnet(s) found with that name`;
    throw refused(message, "name each subnet once");
  });
}

function checkIds(named: readonly string[], subnets: readonly Subnet[]): void {
  const missing = named.filter(isId).find((it) => !subnets.some(({ id }) => id === it));
  if (missing !== undefined)
    throw refused(`subnet ID not found: ${missing}`, "name a subnet of the cluster's VPC and region");
}

function isId(text: string): boolean {
  return text.startsWith("subnet-");
}

function byId(a: Subnet, b: Subnet): number {
  return a.id < b.id ? -1 : Number(a.id > b.id);
}

/** What holds for subnets that somebody chose. */
function checked(subnets: readonly Subnet[], ipAddressType: "ipv4" | "dualstack"): Subnet[] {
  for (const [zone, same] of Map.groupBy(subnets, ({ availabilityZone }) => availabilityZone)) {
    if (same.length < 2) continue;
    const ids = same.map(({ id }) => id).join(" ");
    throw refused(`multiple subnets in same Availability Zone ${zone}: [${ids}]`, "name one subnet a zone");
  }
  checkLocale(subnets);
  const without = subnets.filter(({ ipv6Cidrs }) => ipv6Cidrs.length === 0).map(({ id }) => id);
  if (ipAddressType === "dualstack" && without.length > 0)
    throw refused(
      `subnets [${without.join(" ")}] do not have an associated IPv6 CIDR block, which is required for dualstack load balancers`,
      NEED_IPV6,
      "ipAddressType",
    );
  return [...subnets];
}

const NEED_IPV6 =
  "add an Amazon-provided IPv6 CIDR block to the VPC and a /64 of it to each of these subnets " +
  "(Gardener: infrastructureConfig.dualStack.enabled)";

function checkLocale(subnets: readonly Subnet[]): void {
  const locales = [...new Set(subnets.map(({ locale }) => locale))].sort();
  if (locales.length > 1)
    throw refused(`subnets in multiple locales: [${locales.join(" ")}]`, "name subnets of one kind of zone");
}

/** By the role's tag (`""` or `1`); where no subnet has it, by having a way to an internet gateway, or none. */
function discover(scheme: BalancerScheme, { subnets }: Surroundings): Subnet[] {
  const role = ROLE_TAGS[scheme];
  const tagged = subnets.filter(({ tags }) => tags[role] === "" || tags[role] === "1");
  if (tagged.length > 0) return tagged;
  return subnets.filter((subnet) => subnet.public === (scheme === "internet-facing"));
}

/** Those that may be used; throws where there are none, with the number of those left out and why. */
function eligible(
  subnets: readonly Subnet[],
  { clusterName }: Surroundings,
  ipAddressType: "ipv4" | "dualstack",
): Subnet[] {
  const others = subnets.filter((subnet) => !isForCluster(subnet, clusterName));
  const rest = subnets.filter((subnet) => !others.includes(subnet));
  const full = rest.filter(({ freeIpv4Addresses }) => freeIpv4Addresses < LEAST_ADDRESSES);
  const room = rest.filter((subnet) => !full.includes(subnet));
  const fitting = ipAddressType === "ipv4" ? room : room.filter(({ ipv6Cidrs }) => ipv6Cidrs.length > 0);
  if (fitting.length > 0) return fitting;
  const counted = `unable to resolve at least one subnet. Evaluated ${subnets.length} subnets: ${others.length} are tagged for other clusters`;
  if (ipAddressType === "ipv4")
    throw refused(`${counted}, and ${full.length} have insufficient available IP addresses`, NEED_SUBNETS);
  throw refused(
    `${counted}, ${full.length} have insufficient available IP addresses, and ${room.length} don't have an associated IPv6 CIDR block, which is required for dualstack load balancers`,
    room.length > 0 ? NEED_IPV6 : NEED_SUBNETS,
  );
}

const NEED_SUBNETS =
  "tag subnets kubernetes.io/role/elb (internet-facing) or kubernetes.io/role/internal-elb (internal) with 1, or name them";

/** Subnets that are tagged for clusters are for those clusters only. */
function isForCluster({ tags }: Subnet, clusterName: string): boolean {
  const keys = Object.keys(tags).filter((key) => key.startsWith(CLUSTER_TAG));
  return keys.length === 0 || keys.includes(CLUSTER_TAG + clusterName);
}

/** One a zone: one of this cluster's rather than one of nobody's, then the lowest id. */
function onePerZone(subnets: readonly Subnet[], clusterName: string): Subnet[] {
  const foreign = ({ tags }: Subnet) => Number(tags[CLUSTER_TAG + clusterName] === undefined);
  const zones = Map.groupBy(subnets, ({ availabilityZone }) => availabilityZone);
  return [...zones.values()]
    .map((same) => same.toSorted((a, b) => foreign(a) - foreign(b) || byId(a, b))[0] as Subnet)
    .sort(byId);
}

function refused(message: string, next: string, annotation: AnnotationName = "subnets") {
  return refuse(annotation, message, next);
}
