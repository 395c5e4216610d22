/** Load balancers and tags through the SDK. */
import type {
  AvailabilityZone,
  CreateLoadBalancerCommandInput,
  LoadBalancer,
  SubnetMapping as SdkSubnetMapping,
} from "@aws-sdk/client-elastic-load-balancing-v2";
import type { AwsApi, BareLoadBalancer, NewLoadBalancer } from "../api.ts";
import type { SubnetMapping, Tags } from "../model.ts";
import type { Elb } from "./how.ts";
import { allOf, attributeRecord, chunks, tagList, tagRecord } from "./how.ts";

function subnetMapping(zone: AvailabilityZone): SubnetMapping {
  // one address a family and zone at most; without static ones the list is empty
  const addresses = zone.LoadBalancerAddresses ?? [];
  const first = (pick: (it: (typeof addresses)[number]) => string | undefined) =>
    addresses.map(pick).find((value) => value !== undefined);
  const parts = {
    allocationId: first((it) => it.AllocationId),
    privateIpv4Address: first((it) => it.PrivateIPv4Address),
    ipv6Address: first((it) => it.IPv6Address),
    sourceNatIpv6Prefix: zone.SourceNatIpv6Prefixes?.[0],
  };
  const present = Object.entries(parts).filter(([, value]) => value !== undefined);
  return { subnetId: zone.SubnetId ?? "", ...Object.fromEntries(present) };
}

function bare(it: LoadBalancer): BareLoadBalancer {
  return {
    arn: it.LoadBalancerArn ?? "",
    name: it.LoadBalancerName ?? "",
    dnsName: it.DNSName ?? "",
    type: it.Type ?? "network",
    scheme: it.Scheme ?? "internal",
    ipAddressType: it.IpAddressType ?? "ipv4",
    state: it.State?.Code ?? "provisioning",
    vpcId: it.VpcId ?? "",
    subnets: (it.AvailabilityZones ?? []).map(subnetMapping),
    securityGroups: it.SecurityGroups ?? [],
    prefixForIpv6SourceNat: it.EnablePrefixForIpv6SourceNat,
    created: it.CreatedTime?.toISOString(),
  };
}

function sdkMapping(subnet: SubnetMapping): SdkSubnetMapping {
  return {
    SubnetId: subnet.subnetId,
    AllocationId: subnet.allocationId,
    PrivateIPv4Address: subnet.privateIpv4Address,
    IPv6Address: subnet.ipv6Address,
    SourceNatIpv6Prefix: subnet.sourceNatIpv6Prefix,
  };
}

function createInput(spec: NewLoadBalancer): CreateLoadBalancerCommandInput {
  return {
    Name: spec.name,
    Type: "network",
    Scheme: spec.scheme,
    IpAddressType: spec.ipAddressType,
    SubnetMappings: spec.subnets.map(sdkMapping),
    SecurityGroups: spec.securityGroups.length === 0 ? undefined : [...spec.securityGroups],
    EnablePrefixForIpv6SourceNat: spec.prefixForIpv6SourceNat,
    Tags: tagList(spec.tags),
  };
}

/** DescribeLoadBalancers takes 20 ARNs or names at a time, and all of the region where it is given none. */
function describe({ sdk, client, how }: Elb): AwsApi["describeLoadBalancers"] {
  const pages = (input: { LoadBalancerArns?: string[]; Names?: string[] }) =>
    allOf(sdk.paginateDescribeLoadBalancers({ client }, input, how), (page) => page.LoadBalancers);
  return async (by = {}) => {
    const inputs = by.arns
      ? chunks(by.arns, 20).map((part) => ({ LoadBalancerArns: part }))
      : by.names
        ? chunks(by.names, 20).map((part) => ({ Names: part }))
        : [{}];
    const found: LoadBalancer[] = [];
    for (const input of inputs) found.push(...(await pages(input)));
    return found.map(bare);
  };
}

type TagCalls = Pick<AwsApi, "describeTags" | "addTags" | "removeTags">;

function tagCalls({ client, how }: Elb): TagCalls {
  return {
    async describeTags(arns) {
      const result = new Map<string, Tags>();
      for (const part of chunks(arns, 20)) {
        const { TagDescriptions } = await client.describeTags({ ResourceArns: part }, how);
        for (const it of TagDescriptions ?? []) result.set(it.ResourceArn ?? "", tagRecord(it.Tags));
      }
      return result;
    },
    async addTags(arn, tags) {
      await client.addTags({ ResourceArns: [arn], Tags: tagList(tags) }, how);
    },
    async removeTags(arn, keys) {
      await client.removeTags({ ResourceArns: [arn], TagKeys: [...keys] }, how);
    },
  };
}

type BalancerCalls = TagCalls &
  Pick<
    AwsApi,
    | "describeLoadBalancers"
    | "describeLoadBalancerAttributes"
    | "createLoadBalancer"
    | "deleteLoadBalancer"
    | "modifyLoadBalancerAttributes"
    | "setIpAddressType"
    | "setSubnets"
    | "setSecurityGroups"
    | "modifyCapacity"
  >;

/** The part of the API that is about load balancers themselves, and about tags of ELBv2. */
export function balancerCalls(elb: Elb): BalancerCalls {
  const { client, how } = elb;
  return {
    ...tagCalls(elb),
    describeLoadBalancers: describe(elb),
    async describeLoadBalancerAttributes(arn) {
      return attributeRecord(
        (await client.describeLoadBalancerAttributes({ LoadBalancerArn: arn }, how)).Attributes,
      );
    },
    async createLoadBalancer(spec) {
      const { LoadBalancers } = await client.createLoadBalancer(createInput(spec), how);
      return bare(LoadBalancers?.[0] ?? {});
    },
    async deleteLoadBalancer(arn) {
      await client.deleteLoadBalancer({ LoadBalancerArn: arn }, how);
    },
    async modifyLoadBalancerAttributes(arn, attributes) {
      await client.modifyLoadBalancerAttributes(
        { LoadBalancerArn: arn, Attributes: tagList(attributes) },
        how,
      );
    },
    async setIpAddressType(arn, type) {
      await client.setIpAddressType({ LoadBalancerArn: arn, IpAddressType: type }, how);
    },
    async setSubnets(arn, subnets, prefix) {
      const SubnetMappings = subnets.map(sdkMapping);
      await client.setSubnets(
        { LoadBalancerArn: arn, SubnetMappings, EnablePrefixForIpv6SourceNat: prefix },
        how,
      );
    },
    async setSecurityGroups(arn, groups, onPrivateLink) {
      const enforce = { EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic: onPrivateLink };
      await client.setSecurityGroups({ LoadBalancerArn: arn, SecurityGroups: [...groups], ...enforce }, how);
    },
    async modifyCapacity(arn, units) {
      const wish =
        units === undefined
          ? { ResetCapacityReservation: true }
          : { MinimumLoadBalancerCapacity: { CapacityUnits: units } };
      await client.modifyCapacityReservation({ LoadBalancerArn: arn, ...wish }, how);
    },
  };
}
