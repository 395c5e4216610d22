/** What is registered in target groups. */
import { parseAddress } from "../../ip/address.ts";
import { cidrContains, parseCidr } from "../../ip/cidr.ts";
import type { Family } from "../../ip/family.ts";
import type { BalancerEndpoint, BalancerFinding, BalancerNode } from "../../traffic/balancer/model.ts";
import type { Surroundings, Target } from "./model.ts";

/** Instances that are nodes, each at the node port. */
export function instanceTargets(nodes: readonly BalancerNode[], nodePort: number): Target[] {
  return nodes.flatMap(({ providerId }) => {
    const id = instanceIdOf(providerId);
    return id === undefined ? [] : [{ id, port: nodePort }];
  });
}

/** The id of an instance of EC2 (`aws:///eu-west-1a/i-0123`); undefined where a node is none. */
function instanceIdOf(providerId: string | undefined): string | undefined {
  const last = providerId?.split("/").at(-1);
  return last !== undefined && /^i-[^/]+$/.test(last) ? last : undefined;
}

/** Nodes that AWS cannot send traffic to. The AWS controller gives up on all for one such node; we leave it out. */
export function strangeNodes(nodes: readonly BalancerNode[]): BalancerFinding[] {
  const strange = nodes.filter(({ providerId }) => instanceIdOf(providerId) === undefined);
  return strange.map(({ name, providerId }) => ({
    level: "warning",
    field: "metadata.annotations[service.beta.kubernetes.io/aws-load-balancer-nlb-target-type]",
    message:
      providerId === undefined
        ? `providerID is not specified for node: ${name}; it gets no traffic`
        : `providerID ${providerId} is invalid for EC2 instances, node: ${name}; it gets no traffic`,
    next: "label the node node.kubernetes.io/exclude-from-external-load-balancers, or mend its spec.providerID",
  }));
}

/** Pods by their addresses of a family; a pod outside of the VPC counts for all zones. */
export function podTargets(
  endpoints: readonly BalancerEndpoint[],
  portName: string,
  family: Family,
  surroundings: Pick<Surroundings, "vpcIpv4Cidrs" | "vpcIpv6Cidrs">,
): Target[] {
  const cidrs = [...surroundings.vpcIpv4Cidrs, ...surroundings.vpcIpv6Cidrs].map(parseCidr);
  return endpoints.flatMap(({ addresses, ports }) => {
    const id = addresses[family];
    const port = ports[portName];
    const address = id === undefined ? undefined : parseAddress(id);
    if (id === undefined || port === undefined || address === undefined) return [];
    const inside = cidrs.some((cidr) => cidr !== undefined && cidrContains(cidr, address));
    return [{ id, port, ...(!inside && { availabilityZone: "all" }) }];
  });
}
