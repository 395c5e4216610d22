/**
 * From what a Service asks for, and what surrounds it, to all that it should have in AWS. Pure. Names are those of a
 * first load balancer; plan.ts gives replacements names of their own.
 */
import type { BalancerFinding, BalancerModel, BalancerScheme } from "../../traffic/balancer/model.ts";
import { chooseSubnets } from "./subnets.ts";
import { listenersOf } from "./listeners.ts";
import type {
  CurrentStack,
  DesiredLoadBalancer,
  DesiredStack,
  LoadBalancer,
  Surroundings,
  Tags,
} from "./model.ts";
import { TAG } from "./model.ts";
import { loadBalancerName } from "./names.ts";
import { Refusal } from "./refusal.ts";
import { type SecurityGroups, securityGroupsOf } from "./security-groups.ts";
import { subnetMappings } from "./subnet-mappings.ts";
import { strangeNodes } from "./targets.ts";

/** A stack, and warnings; or findings among which is an error, and no stack. */
export type DesiredResult =
  | { readonly stack: DesiredStack; readonly findings: readonly BalancerFinding[] }
  | { readonly stack?: undefined; readonly findings: readonly BalancerFinding[] };

/** The scheme of a load balancer that nobody gave one: reachable from the VPC only. */
const DEFAULT_SCHEME: BalancerScheme = "internal";

/** Says what a Service should have. `existing` is what it has: its scheme and subnets hold where none are asked for. */
export function desiredStack(
  model: BalancerModel,
  surroundings: Surroundings,
  existing: CurrentStack,
): DesiredResult {
  const ours = existing.loadBalancers.filter(({ type, state }) => type === "network" && state !== "failed");
  const newest = ours.toSorted((a, b) => generation(b) - generation(a));
  const scheme = model.scheme ?? newest[0]?.scheme ?? DEFAULT_SCHEME;
  const kept = newest.find((balancer) => balancer.scheme === scheme);
  const findings = [
    ...(model.targetType === "instance" ? strangeNodes(model.nodes) : []),
    ...renaming(model, kept),
  ];
  try {
    return { stack: stackOf(model, surroundings, scheme, kept), findings };
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return { findings: [error.finding, ...findings] };
  }
}

function generation({ tags }: LoadBalancer): number {
  const number = Number(tags[TAG.generation] ?? 0);
  return Number.isFinite(number) ? number : 0;
}

function renaming({ aws }: BalancerModel, kept: LoadBalancer | undefined): BalancerFinding[] {
  const name = aws.loadBalancerName;
  if (name === undefined || kept === undefined || kept.name === name || generation(kept) > 0) return [];
  return [
    {
      level: "warning",
      field: "metadata.annotations[service.beta.kubernetes.io/aws-load-balancer-name]",
      message: `the load balancer keeps its name ${kept.name}: names of AWS cannot be changed`,
      next: "make the Service anew to get a load balancer of another name",
    },
  ];
}

function stackOf(
  model: BalancerModel,
  surroundings: Surroundings,
  scheme: BalancerScheme,
  kept: LoadBalancer | undefined,
): DesiredStack {
  const tagsOf = tagsFor(model, surroundings);
  const groups = securityGroupsOf(model, surroundings, tagsOf);
  return {
    key: model.key,
    uid: model.uid,
    loadBalancer: loadBalancerOf(model, surroundings, scheme, kept, groups),
    ...listenersOf(model, surroundings, tagsOf),
    securityGroup: groups.own,
    manageBackendRules: groups.manageBackendRules,
  };
}

function loadBalancerOf(
  model: BalancerModel,
  surroundings: Surroundings,
  scheme: BalancerScheme,
  kept: LoadBalancer | undefined,
  groups: SecurityGroups,
): DesiredLoadBalancer {
  const { aws } = model;
  const subnets = chooseSubnets(model, scheme, surroundings, kept);
  return {
    name: aws.loadBalancerName ?? loadBalancerName(model, surroundings.clusterName, model.uid, scheme),
    scheme,
    ipAddressType: aws.ipAddressType,
    subnets: subnetMappings(aws, scheme, subnets),
    securityGroups: groups.named,
    prefixForIpv6SourceNat: aws.prefixForIpv6SourceNat,
    inboundRulesOnPrivateLink: aws.inboundRulesOnPrivateLink,
    attributes: aws.loadBalancerAttributes,
    minimumCapacityUnits: aws.minimumCapacityUnits,
    tags: tagsFor(model, surroundings)("LoadBalancer"),
  };
}

/** The tags of a Service's things: those asked for, and over them those by which things are found again. */
function tagsFor(
  model: BalancerModel,
  { clusterName, clusterUid }: Surroundings,
): (resource: string) => Tags {
  const reserved: readonly string[] = Object.values(TAG);
  const asked = Object.entries(model.aws.additionalTags).filter(([key]) => !reserved.includes(key));
  return (resource) => ({
    ...Object.fromEntries(asked),
    [TAG.cluster]: clusterName,
    [TAG.stack]: model.key,
    [TAG.resource]: resource,
    [TAG.owner]: "tandem",
    [TAG.uid]: model.uid,
    ...(clusterUid !== undefined && { [TAG.clusterUid]: clusterUid }),
  });
}
