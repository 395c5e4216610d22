import type { Subnet, Surroundings } from "../../../src/balancer/aws/model.ts";

/** A subnet that every load balancer may use: public, of both families, with room, in the zone of its last letter. */
export function subnet(id: string, over: Partial<Subnet> = {}): Subnet {
  return {
    id,
    vpcId: "vpc-1",
    availabilityZone: `eu-west-1${id.at(-1) ?? "a"}`,
    locale: "availability-zone",
    ipv4Cidr: "10.0.0.0/24",
    ipv6Cidrs: ["2001:db8:0:1::/64"],
    freeIpv4Addresses: 100,
    public: true,
    tags: {},
    ...over,
  };
}

/** A VPC with two public subnets of both families and no security groups. */
export function surroundings(over: Partial<Surroundings> = {}): Surroundings {
  return {
    clusterName: "shoot--dev--web",
    vpcId: "vpc-1",
    vpcIpv4Cidrs: ["10.0.0.0/16"],
    vpcIpv6Cidrs: ["2001:db8::/56"],
    subnets: [
      subnet("subnet-b", { ipv4Cidr: "10.0.1.0/24", ipv6Cidrs: ["2001:db8:0:2::/64"] }),
      subnet("subnet-a"),
    ],
    securityGroups: [],
    ...over,
  };
}

/** With these subnets, of which only what differs from the usual is said. */
export function withSubnets(
  around: Surroundings,
  subnets: readonly Partial<Subnet>[] | undefined,
): Surroundings {
  if (subnets === undefined) return around;
  return { ...around, subnets: subnets.map((it) => subnet(it.id ?? "subnet-a", it)) };
}
