/** The load balancer itself: made, or changed in place where AWS can. */
import type { DesiredLoadBalancer, LoadBalancer, SubnetMapping } from "../model.ts";
import { TAG } from "../model.ts";
import { type Change, type Reference, type Step, subnetText } from "../steps.ts";
import { entryChanges, missingEntries, sameSet, tagSteps } from "./differences.ts";

/** Makes the load balancer, with what cannot be given at once as steps of their own. */
export function creation(spec: DesiredLoadBalancer, securityGroups: readonly Reference[]): Step[] {
  const on = { name: spec.name, target: spec.name };
  const steps: Step[] = [{ do: "createLoadBalancer", spec, securityGroups }];
  const { attributes } = spec;
  if (Object.keys(attributes).length > 0)
    steps.push({
      do: "modifyLoadBalancerAttributes",
      ...on,
      attributes,
      changes: entryChanges(attributes, {}),
    });
  const link = spec.inboundRulesOnPrivateLink;
  if (link !== undefined && securityGroups.length > 0)
    steps.push(...privateLink(on, securityGroups, link, "default"));
  return steps;
}

/** Changes by when they are to be done. */
export interface BalancerChanges {
  /** Before listeners change. */
  readonly early: readonly Step[];
  /** Once listeners no longer forward to what the old settings allowed and the new ones do not. */
  readonly late: readonly Step[];
}

/** What changes are planned with. */
export interface ChangeSurroundings {
  readonly securityGroups: readonly Reference[];
  readonly external: ReadonlySet<string>;
  /** Listeners stand in the way of the other address type: it comes once they are as wanted. */
  readonly typeAfterListeners: boolean;
}

/**
 * Changes the one there is. On the way to both families subnets go before the address type, as each needs a range of
 * both; on the way back after it.
 */
export function changes(
  wanted: DesiredLoadBalancer,
  current: LoadBalancer,
  { securityGroups, external, typeAfterListeners }: ChangeSurroundings,
): BalancerChanges {
  const on = { name: current.name, target: current.arn };
  const narrowing = wanted.ipAddressType === "ipv4" && current.ipAddressType !== "ipv4";
  const attributes = missingEntries(wanted.attributes, current.attributes);
  const early: Step[] = [
    ...tagSteps({ kind: "LoadBalancer", ...on }, wanted.tags, current.tags, external),
    ...securityGroupSteps(wanted, current, securityGroups),
  ];
  const subnets = subnetSteps(wanted, current);
  const type = typeSteps(wanted, current);
  const network = narrowing ? [...type, ...subnets] : [...subnets, ...type];
  const late = (typeAfterListeners && type.length > 0) || prefixOf(wanted, current) === "off";
  if (!late) early.push(...network);
  if (Object.keys(attributes).length > 0)
    early.push({
      do: "modifyLoadBalancerAttributes",
      ...on,
      attributes,
      changes: entryChanges(attributes, current.attributes),
    });
  return { early, late: late ? network : [] };
}

function securityGroupSteps(
  wanted: DesiredLoadBalancer,
  current: LoadBalancer,
  groups: readonly Reference[],
): Step[] {
  const on = { name: current.name, target: current.arn };
  const link = wanted.inboundRulesOnPrivateLink;
  if (groups.length === 0) return [];
  const had = current.tags[TAG.privateLink];
  if (link !== undefined && link !== had) return privateLink(on, groups, link, had ?? "default");
  if (sameSet(groups, current.securityGroups)) return [];
  const change = { field: "securityGroups", from: current.securityGroups.join(", "), to: groups.join(", ") };
  return [{ do: "setSecurityGroups", ...on, groups, onPrivateLink: undefined, changes: [change] }];
}

/** AWS does not tell this setting with the load balancer, so a tag remembers it. */
function privateLink(
  on: { name: string; target: Reference },
  groups: readonly Reference[],
  link: "on" | "off",
  from: string,
): Step[] {
  const change = { field: "inboundRulesOnPrivateLink", from, to: link };
  return [
    { do: "setSecurityGroups", ...on, groups, onPrivateLink: link, changes: [change] },
    { do: "tag", kind: "LoadBalancer", ...on, add: { [TAG.privateLink]: link }, remove: [] },
  ];
}

function subnetSteps(wanted: DesiredLoadBalancer, current: LoadBalancer): Step[] {
  const prefix = prefixOf(wanted, current);
  const prefixBefore = current.prefixForIpv6SourceNat ?? "off";
  const changes: Change[] = [];
  if (!sameSubnets(wanted.subnets, current.subnets))
    changes.push({ field: "subnets", from: subnetsText(current.subnets), to: subnetsText(wanted.subnets) });
  if (prefix !== undefined)
    changes.push({ field: "enablePrefixForIpv6SourceNat", from: prefixBefore, to: prefix });
  if (changes.length === 0) return [];
  const on = { name: current.name, target: current.arn };
  return [{ do: "setSubnets", ...on, subnets: wanted.subnets, prefix, changes }];
}

/**
 * What the source NAT prefix is to be changed to, if at all: it goes with its annotation, as with the AWS controller, and
 * with dualstack by itself. UDP listeners need it, so that it goes after them.
 */
function prefixOf(wanted: DesiredLoadBalancer, current: LoadBalancer): "on" | "off" | undefined {
  const asked = wanted.prefixForIpv6SourceNat ?? (wanted.ipAddressType === "dualstack" ? "off" : undefined);
  return asked === (current.prefixForIpv6SourceNat ?? "off") ? undefined : asked;
}

/** Whether the subnets are the same, and what is asked for in each is so. */
function sameSubnets(wanted: readonly SubnetMapping[], current: readonly SubnetMapping[]): boolean {
  const byId = new Map(current.map((mapping) => [mapping.subnetId, mapping]));
  if (wanted.length !== current.length) return false;
  return wanted.every((mapping) => {
    const had = byId.get(mapping.subnetId);
    return had !== undefined && ASKED.every((field) => satisfied(mapping[field], had[field]));
  });
}

const ASKED = ["allocationId", "privateIpv4Address", "ipv6Address", "sourceNatIpv6Prefix"] as const;

function satisfied(wanted: string | undefined, had: string | undefined): boolean {
  return wanted === undefined || wanted === "auto_assigned" || wanted === had;
}

function subnetsText(subnets: readonly SubnetMapping[]): string {
  return subnets.map(subnetText).toSorted().join(", ");
}

function typeSteps(wanted: DesiredLoadBalancer, current: LoadBalancer): Step[] {
  const type = wanted.ipAddressType;
  if (type === current.ipAddressType) return [];
  const on = { name: current.name, target: current.arn };
  const changes = [{ field: "ipAddressType", from: current.ipAddressType, to: type }];
  return [{ do: "setIpAddressType", ...on, type, changes }];
}

/** Reserves capacity, which AWS takes of an active load balancer only; a tag remembers what was set. */
export function capacitySteps(wanted: DesiredLoadBalancer, current: LoadBalancer | undefined): Step[] {
  const units = wanted.minimumCapacityUnits;
  const had = current?.tags[TAG.capacity];
  if ((units === undefined ? undefined : String(units)) === had) return [];
  const on = { name: current?.name ?? wanted.name, target: current?.arn ?? wanted.name };
  const tag = units === undefined ? { add: {}, remove: [TAG.capacity] } : undefined;
  return [
    { do: "modifyCapacity", ...on, units },
    {
      do: "tag",
      kind: "LoadBalancer",
      ...on,
      ...(tag ?? { add: { [TAG.capacity]: String(units) }, remove: [] }),
    },
  ];
}
