/** Addresses of a load balancer in its subnets (pkg/service/model_build_load_balancer.go, pkg/networking/utils.go). */
import { canonicalAddress, parseAddress } from "../../ip/address.ts";
import { cidrContains, formatCidr, parseCidr } from "../../ip/cidr.ts";
import type { AnnotationName } from "../../traffic/balancer/index.ts";
import type { AwsSettings, BalancerScheme } from "../../traffic/balancer/model.ts";
import type { Subnet, SubnetMapping } from "./model.ts";
import { refuse } from "./refusal.ts";

/** Elastic IPs and prefixes go by position, addresses by the subnet that they lie in. Throws a Refusal. */
export function subnetMappings(
  aws: AwsSettings,
  scheme: BalancerScheme,
  subnets: readonly Subnet[],
): SubnetMapping[] {
  checkScheme(aws, scheme);
  checkCount("eipAllocations", aws.eipAllocations, subnets, "count of EIP allocations");
  checkCount("privateIpv4Addresses", aws.privateIpv4Addresses, subnets, "count of private IPv4 addresses");
  checkCount("ipv6Addresses", aws.ipv6Addresses, subnets, "count of IPv6 addresses");
  checkPrefixes(aws, subnets);
  return subnets.map((subnet, index): SubnetMapping => {
    const { id, ipv4Cidr, ipv6Cidrs } = subnet;
    const ipv4 = within("privateIpv4Addresses", aws.privateIpv4Addresses, id, ipv4Cidr ? [ipv4Cidr] : []);
    const ipv6 = within("ipv6Addresses", aws.ipv6Addresses, id, ipv6Cidrs);
    const allocationId = aws.eipAllocations[index];
    const prefix =
      aws.prefixForIpv6SourceNat === "on" ? prefixOf(aws.sourceNatIpv6Prefixes[index]) : undefined;
    return {
      subnetId: id,
      ...(allocationId !== undefined && { allocationId }),
      ...(ipv4 !== undefined && { privateIpv4Address: ipv4 }),
      ...(ipv6 !== undefined && { ipv6Address: ipv6 }),
      ...(prefix !== undefined && { sourceNatIpv6Prefix: prefix }),
    };
  });
}

function checkScheme(aws: AwsSettings, scheme: BalancerScheme): void {
  const key = "service.beta.kubernetes.io/aws-load-balancer-scheme";
  if (aws.eipAllocations.length > 0 && scheme === "internal")
    throw refuse(
      "eipAllocations",
      "EIP allocations can only be set for internet facing load balancers",
      `set ${key} to internet-facing`,
    );
  if (aws.privateIpv4Addresses.length > 0 && scheme === "internet-facing")
    throw refuse(
      "privateIpv4Addresses",
      "private IPv4 addresses can only be set for internal load balancers",
      `set ${key} to internal`,
    );
}

function checkCount(
  name: AnnotationName,
  values: readonly string[],
  subnets: readonly Subnet[],
  what: string,
): void {
  if (values.length === 0 || values.length === subnets.length) return;
  const message = `${what} (${values.length}) and subnets (${subnets.length}) must match`;
  throw refuse(name, message, `the subnets are ${subnets.map(({ id }) => id).join(", ")}: give one for each`);
}

function within(
  name: "privateIpv4Addresses" | "ipv6Addresses",
  addresses: readonly string[],
  subnet: string,
  cidrs: readonly string[],
): string | undefined {
  if (addresses.length === 0) return undefined;
  const inside = addresses.filter((address) => isInside(address, cidrs));
  // as AWS writes them: what differs in letters alone would be set again and again
  if (inside[0] !== undefined && inside.length === 1) return canonicalAddress(inside[0]);
  const family = name === "ipv6Addresses" ? "IPv6" : "private IPv4";
  const message = `expect one ${family} address configured for subnet: ${subnet}`;
  throw refuse(
    name,
    message,
    `give one address of ${cidrs.join(", ") || "that subnet (it has no such range)"}`,
  );
}

function isInside(text: string, cidrs: readonly string[]): boolean {
  const address = parseAddress(text);
  if (address === undefined) return false;
  return cidrs.some((cidr) => {
    const parsed = parseCidr(cidr);
    return parsed !== undefined && cidrContains(parsed, address);
  });
}

function prefixOf(text: string | undefined): string | undefined {
  const cidr = parseCidr(text ?? "");
  return cidr === undefined ? text : formatCidr(cidr);
}

function checkPrefixes(aws: AwsSettings, subnets: readonly Subnet[]): void {
  if (aws.prefixForIpv6SourceNat !== "on") return;
  const without = subnets.filter(({ ipv6Cidrs }) => ipv6Cidrs.length === 0).map(({ id }) => id);
  if (without.length > 0)
    throw refuse(
      "prefixForIpv6SourceNat",
      `To enable prefix for source NAT, all associated subnets must have an IPv6 CIDR. Subnets without IPv6 CIDR: [${without.join(" ")}].`,
      "give these subnets an IPv6 range",
    );
  const prefixes = aws.sourceNatIpv6Prefixes;
  if (prefixes.length === 0) return;
  if (prefixes.length !== subnets.length)
    throw refuse(
      "sourceNatIpv6Prefixes",
      `Number of values in source-nat-ipv6-prefixes (${prefixes.length}) must match the number of subnets (${subnets.length}).`,
      `the subnets are ${subnets.map(({ id }) => id).join(", ")}: give one prefix or auto_assigned for each`,
    );
  for (const [index, prefix] of prefixes.entries()) {
    const { ipv6Cidrs } = subnets[index] as Subnet;
    if (prefix === "auto_assigned" || isInside(prefix.split("/")[0] ?? "", ipv6Cidrs)) continue;
    throw refuse(
      "sourceNatIpv6Prefixes",
      `Invalid value in source-nat-ipv6-prefixes: ${prefix}. Value must be within subnet CIDR range: [${ipv6Cidrs.join(" ")}].`,
      "give a /80 of that range, in the order of the subnets",
    );
  }
}
