/** Where a load balancer may be: its subnets with their addresses, and its security groups. */
import type { IpAddressType, Subnet, SubnetMapping } from "../../../src/balancer/aws/model.ts";
import { parseAddress } from "../../../src/ip/address.ts";
import { cidrContains, parseCidr } from "../../../src/ip/cidr.ts";
import type { World } from "./world.ts";
import { insist } from "./world.ts";

const CONFLICT = "InvalidConfigurationRequest";

/** A subnet by its identity. @throws as AWS does where there is none */
export function subnetOf(world: World, id: string): Subnet {
  const found = world.subnets.get(id);
  insist(found, "SubnetNotFound", `The subnet ID '${id}' does not exist`);
  return found;
}

function inside(cidrs: readonly (string | undefined)[], text: string): boolean {
  const address = parseAddress(text);
  return (
    address !== undefined &&
    cidrs.some((cidr) => {
      const parsed = cidr === undefined ? undefined : parseCidr(cidr);
      return parsed !== undefined && cidrContains(parsed, address);
    })
  );
}

/** What a load balancer is to be put into. */
export interface Placement {
  readonly scheme: string;
  readonly ipAddressType: IpAddressType;
  readonly prefix: "on" | "off" | undefined;
}

function checkMapping(world: World, mapping: SubnetMapping, subnet: Subnet, placement: Placement): void {
  const { allocationId, privateIpv4Address, ipv6Address, sourceNatIpv6Prefix } = mapping;
  if (allocationId !== undefined) {
    insist(
      world.allocations.has(allocationId),
      "AllocationIdNotFound",
      `The allocation IDs '${allocationId}' do not exist`,
    );
    insist(
      placement.scheme === "internet-facing",
      CONFLICT,
      "elastic IPs need an internet-facing load balancer",
    );
  }
  if (privateIpv4Address !== undefined) {
    insist(
      placement.scheme === "internal",
      CONFLICT,
      "private IPv4 addresses need an internal load balancer",
    );
    insist(
      inside([subnet.ipv4Cidr], privateIpv4Address),
      CONFLICT,
      `The private IPv4 address '${privateIpv4Address}' is not in subnet '${subnet.id}'`,
    );
  }
  if (ipv6Address !== undefined) {
    insist(
      placement.scheme === "internet-facing",
      CONFLICT,
      "IPv6 addresses need an internet-facing load balancer",
    );
    insist(
      placement.ipAddressType === "dualstack",
      CONFLICT,
      "IPv6 addresses need a dualstack load balancer",
    );
    insist(
      inside(subnet.ipv6Cidrs, ipv6Address),
      CONFLICT,
      `The IPv6 address '${ipv6Address}' is not in subnet '${subnet.id}'`,
    );
  }
  if (sourceNatIpv6Prefix !== undefined && sourceNatIpv6Prefix !== "auto_assigned") {
    insist(placement.prefix === "on", CONFLICT, "a source NAT prefix needs EnablePrefixForIpv6SourceNat");
    insist(sourceNatIpv6Prefix.endsWith("/80"), "ValidationError", `'${sourceNatIpv6Prefix}' is not a /80`);
  }
}

/** The subnets of a load balancer. @throws for those that AWS refuses */
export function checkSubnets(
  world: World,
  mappings: readonly SubnetMapping[],
  placement: Placement,
): Subnet[] {
  insist(mappings.length > 0, "ValidationError", "At least one subnet must be specified");
  const subnets = mappings.map((mapping) => subnetOf(world, mapping.subnetId));
  insist(
    new Set(subnets.map((subnet) => subnet.vpcId)).size === 1,
    CONFLICT,
    "All subnets must belong to the same VPC",
  );
  insist(
    new Set(subnets.map((subnet) => subnet.availabilityZone)).size === subnets.length,
    CONFLICT,
    "A load balancer cannot be attached to multiple subnets in the same Availability Zone",
  );
  insist(
    new Set(subnets.map((subnet) => subnet.locale)).size === 1,
    CONFLICT,
    "subnets are of several locales",
  );
  const vpc = world.vpcs.get(subnets[0]?.vpcId ?? "");
  insist(
    placement.scheme === "internal" || vpc?.internetGateway,
    "InvalidSubnet",
    `VPC ${vpc?.id} has no internet gateway`,
  );
  subnets.forEach((subnet, index) => {
    insist(
      subnet.freeIpv4Addresses >= 8,
      "InvalidSubnet",
      `Not enough IP space available in ${subnet.id}. ` +
        "ELB requires at least 8 free IP addresses in each subnet.",
    );
    checkMapping(world, mappings[index] as SubnetMapping, subnet, placement);
  });
  checkIpv6(subnets, placement);
  return subnets;
}

/** Refuses both families where a subnet has one alone. */
export function checkIpv6(subnets: readonly Subnet[], placement: Placement): void {
  const bare = subnets.some((subnet) => subnet.ipv6Cidrs.length === 0);
  const dualstack = placement.ipAddressType === "dualstack";
  insist(
    !dualstack || !bare,
    "ValidationError",
    "You must specify subnets with an associated IPv6 CIDR block.",
  );
  insist(
    dualstack || placement.prefix !== "on",
    CONFLICT,
    "EnablePrefixForIpv6SourceNat needs type dualstack",
  );
}

/** Refuses security groups that are not of the VPC. */
export function checkGroups(world: World, ids: readonly string[], vpcId: string): void {
  insist(
    ids.length <= world.options.quotas.securityGroupsPerLoadBalancer,
    CONFLICT,
    "too many security groups",
  );
  insist(new Set(ids).size === ids.length, "ValidationError", "a security group is named twice");
  for (const id of ids)
    insist(
      world.groups.get(id)?.vpcId === vpcId,
      "InvalidSecurityGroup",
      `One or more security groups are invalid: ${id}`,
    );
}
