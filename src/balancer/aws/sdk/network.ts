/** VPCs, subnets and instances through the SDK: only read. */
import type { RouteTable, Subnet as SdkSubnet } from "@aws-sdk/client-ec2";
import type { AwsApi } from "../api.ts";
import type { Subnet } from "../model.ts";
import type { Ec2 } from "./how.ts";
import { allOf, chunks, tagRecord } from "./how.ts";

type State = { readonly State?: string } | string | undefined;

/** Whether a CIDR block is associated; with `asText`, the emulator's form counts too. */
function associated(state: State, asText: boolean): boolean {
  if (typeof state === "string") return asText && /'State': 'associated'/.test(state);
  if (state?.State === "associated") return true;
  return asText && /'State': 'associated'/.test(state?.State ?? "");
}

/** Whether a subnet's route table, or the VPC's main one, leads to an internet gateway. */
function isPublic(subnetId: string, tables: readonly RouteTable[]): boolean {
  const own = tables.find((table) => table.Associations?.some((it) => it.SubnetId === subnetId));
  const table = own ?? tables.find((it) => it.Associations?.some((association) => association.Main));
  return (table?.Routes ?? []).some(
    (route) => route.GatewayId?.startsWith("igw-") && route.State !== "blackhole",
  );
}

function ipv6CidrsOf(it: SdkSubnet, asText: boolean): string[] {
  return (it.Ipv6CidrBlockAssociationSet ?? [])
    .filter((block) => associated(block.Ipv6CidrBlockState, asText))
    .flatMap((block) => block.Ipv6CidrBlock ?? []);
}

interface Around {
  readonly tables: readonly RouteTable[];
  /** The kind of each zone, by its name. */
  readonly zones: ReadonlyMap<string, string>;
  readonly asText: boolean;
}

function subnetOf(it: SdkSubnet, { tables, zones, asText }: Around): Subnet {
  const zone = it.AvailabilityZone ?? "";
  return {
    id: it.SubnetId ?? "",
    vpcId: it.VpcId ?? "",
    availabilityZone: zone,
    locale: it.OutpostArn ? "outpost" : (zones.get(zone) ?? "availability-zone"),
    ipv4Cidr: it.CidrBlock || undefined,
    ipv6Cidrs: ipv6CidrsOf(it, asText),
    freeIpv4Addresses: it.AvailableIpAddressCount ?? 0,
    public: isPublic(it.SubnetId ?? "", tables),
    tags: tagRecord(it.Tags),
  };
}

function describeSubnets({ sdk, client, how }: Ec2, asText: boolean): AwsApi["describeSubnets"] {
  let known: ReadonlyMap<string, string> | undefined;
  const zonesOf = async () => {
    // what kind a zone is never changes: asked once
    known ??= new Map(
      (
        (await client.describeAvailabilityZones({ AllAvailabilityZones: false }, how)).AvailabilityZones ?? []
      ).map((it) => [it.ZoneName ?? "", it.ZoneType ?? "availability-zone"]),
    );
    return known;
  };
  return async (vpcId) => {
    // a new object for each: paginators write their marks into what they are given
    const input = () => ({ Filters: [{ Name: "vpc-id", Values: [vpcId] }] });
    const zones = await zonesOf();
    const tables = await allOf(
      sdk.paginateDescribeRouteTables({ client }, input(), how),
      (page) => page.RouteTables,
    );
    const subnets = await allOf(
      sdk.paginateDescribeSubnets({ client }, input(), how),
      (page) => page.Subnets,
    );
    return subnets.map((it) => subnetOf(it, { tables, zones, asText }));
  };
}

/** The groups of each instance's first interface, which is the one that load balancers send to. */
function describeInstanceGroups({ sdk, client, how }: Ec2): AwsApi["describeInstanceGroups"] {
  return async (instanceIds) => {
    const result = new Map<string, string[]>();
    for (const part of chunks(instanceIds, 200)) {
      // by filter: an instance that is gone is left out, where asking by id would fail for all
      const input = { Filters: [{ Name: "instance-id", Values: part }] };
      const pages = sdk.paginateDescribeInstances({ client }, input, how);
      const instances = (await allOf(pages, (page) => page.Reservations)).flatMap((it) => it.Instances ?? []);
      for (const it of instances) {
        if (it.State?.Name === "terminated") continue;
        const first = it.NetworkInterfaces?.find((one) => one.Attachment?.DeviceIndex === 0);
        const groups = first?.Groups ?? it.SecurityGroups ?? [];
        result.set(
          it.InstanceId ?? "",
          groups.map((group) => group.GroupId ?? ""),
        );
      }
    }
    return result;
  };
}

type NetworkCalls = Pick<AwsApi, "describeVpc" | "describeSubnets" | "describeInstanceGroups">;

/** The part of the API that is about the network around load balancers. */
export function networkCalls(ec2: Ec2, subnetStatesAsText: boolean): NetworkCalls {
  const { client, how } = ec2;
  return {
    async describeVpc(vpcId) {
      const { Vpcs } = await client.describeVpcs({ Filters: [{ Name: "vpc-id", Values: [vpcId] }] }, how);
      const [vpc] = Vpcs ?? [];
      if (vpc === undefined) return undefined;
      const ipv4 = (vpc.CidrBlockAssociationSet ?? []).filter((it) => associated(it.CidrBlockState, false));
      const ipv6 = (vpc.Ipv6CidrBlockAssociationSet ?? []).filter((it) =>
        associated(it.Ipv6CidrBlockState, false),
      );
      return {
        ipv4Cidrs: ipv4.flatMap((it) => it.CidrBlock ?? []),
        ipv6Cidrs: ipv6.flatMap((it) => it.Ipv6CidrBlock ?? []),
      };
    },
    describeSubnets: describeSubnets(ec2, subnetStatesAsText),
    describeInstanceGroups: describeInstanceGroups(ec2),
  };
}
