/** Specs of load balancers, target groups and listeners for tests: the usual ones, with what a test wants otherwise. */
import type { NewLoadBalancer } from "../../../src/balancer/aws/api.ts";
import type { DesiredListener, DesiredTargetGroup } from "../../../src/balancer/aws/model.ts";
import { TCP_CHECK } from "../../traffic/balancer/fixtures.ts";

/** An ipv4, internet-facing load balancer in the public subnets of `usualAws`. */
export function loadBalancerSpec(change: Partial<NewLoadBalancer> = {}): NewLoadBalancer {
  return {
    name: "web",
    scheme: "internet-facing",
    ipAddressType: "ipv4",
    subnets: [{ subnetId: "subnet-a" }, { subnetId: "subnet-b" }],
    securityGroups: [],
    prefixForIpv6SourceNat: undefined,
    tags: { owner: "test" },
    ...change,
  };
}

/** A TCP group of instances. */
export function targetGroupSpec(
  change: Partial<DesiredTargetGroup> = {},
): Omit<DesiredTargetGroup, "targets" | "attributes"> {
  return {
    name: "web-80",
    protocol: "TCP",
    port: 30080,
    targetType: "instance",
    ipAddressType: "ipv4",
    vpcId: "vpc-1",
    healthCheck: TCP_CHECK,
    tags: { owner: "test" },
    ...change,
  };
}

/** A TCP listener at port 80 that forwards to one group. */
export function listenerSpec(targetGroup: string, change: Partial<DesiredListener> = {}): DesiredListener {
  return {
    port: 80,
    protocol: "TCP",
    forward: [{ targetGroup, weight: 1 }],
    certificates: [],
    sslPolicy: undefined,
    alpnPolicy: undefined,
    attributes: {},
    tags: { owner: "test" },
    ...change,
  };
}
