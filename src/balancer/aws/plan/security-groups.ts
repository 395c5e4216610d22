/**
 * Security groups: a Service's own frontend group, and the cluster's shared backend group that nodes let in. Rules are
 * allowed before load balancers change and revoked after.
 */
import { formatCidr, parseCidr } from "../../../ip/cidr.ts";
import type {
  DesiredSecurityGroup,
  DesiredTargetGroup,
  SecurityGroup,
  SecurityRule,
  Tags,
} from "../model.ts";
import type { Reference, Step } from "../steps.ts";
import { tagSteps } from "./differences.ts";

/** Rules that one group may have, unless AWS was asked for more. */
const MOST_RULES = 60;

/** Steps to be done before load balancers change and after it, and the group that they are to have. */
export interface GroupPlan {
  readonly before: readonly Step[];
  readonly after: readonly Step[];
  readonly group: Reference | undefined;
}

/** The cluster's shared group, whose traffic the nodes' groups let in. */
export interface Backend {
  readonly name: string;
  readonly vpcId: string;
  readonly tags: Tags;
  /** As it exists. */
  readonly group: SecurityGroup | undefined;
  /** The groups of the nodes that need rules. */
  readonly nodeGroups: readonly SecurityGroup[];
}

/** Makes a Service's own group be as wanted. */
export function frontendSteps(
  wanted: DesiredSecurityGroup | undefined,
  existing: SecurityGroup | undefined,
  external: ReadonlySet<string>,
): GroupPlan {
  if (wanted === undefined) return { before: [], after: [], group: undefined };
  const on = { name: wanted.name, target: existing?.id ?? wanted.name };
  const { inbound, ...spec } = wanted;
  const had = new Set(existing?.inbound.map(ruleKey));
  const want = new Set(inbound.map(ruleKey));
  const missing = inbound.filter((rule) => !had.has(ruleKey(rule)));
  const extra = existing?.inbound.filter((rule) => !want.has(ruleKey(rule))) ?? [];
  const create: Step[] = existing === undefined ? [{ do: "createSecurityGroup", spec }] : [];
  const allow: Step[] = missing.length === 0 ? [] : [{ do: "authorizeIngress", ...on, rules: missing }];
  const revoke: Step[] = extra.length === 0 ? [] : [{ do: "revokeIngress", ...on, rules: extra }];
  const tags = existing
    ? tagSteps({ kind: "SecurityGroup", ...on }, wanted.tags, existing.tags, external)
    : [];
  // both sets of rules have no room at once: rather a moment without the new ones than never
  if (want.size + extra.length > MOST_RULES)
    return { before: [...create, ...tags, ...revoke, ...allow], after: [], group: on.target };
  return { before: [...create, ...tags, ...allow], after: revoke, group: on.target };
}

/** What tells rules apart for AWS: everything but the description, with CIDRs in canonical form. */
export function ruleKey(rule: SecurityRule): string {
  const { protocol, fromPort, toPort, prefixList, group } = rule;
  const ports = protocol === "-1" ? "all" : `${fromPort}-${toPort}`;
  const cidr = rule.cidr ?? rule.ipv6Cidr;
  const parsed = cidr === undefined ? undefined : parseCidr(cidr);
  const network = parsed === undefined ? cidr : formatCidr(parsed);
  return [protocol, ports, network ?? prefixList ?? group].join(" ");
}

/** What our rules in the nodes' groups are described as; others' rules stay. */
const NODE_RULE = "Traffic of load balancers to nodes";

interface Range {
  readonly from: number;
  readonly to: number;
}

/**
 * Lets the shared backend group reach the targets. The nodes' groups have one rule a protocol, as wide as all Services
 * together need, as a group has room for few: here it is only made wider. It goes with the last load balancer.
 */
export function backendSteps(
  backend: Backend | undefined,
  targetGroups: readonly DesiredTargetGroup[],
): GroupPlan {
  if (backend === undefined) return { before: [], after: [], group: undefined };
  const { name, vpcId, tags, group } = backend;
  const reference = group?.id ?? name;
  const description = NODE_RULE;
  const before: Step[] =
    group === undefined ? [{ do: "createSecurityGroup", spec: { name, vpcId, tags, description } }] : [];
  const after: Step[] = [];
  for (const node of backend.nodeGroups)
    for (const [protocol, need] of neededRanges(targetGroups)) {
      const had = rulesFrom(node, reference, protocol);
      if (had.some((rule) => rule.fromPort <= need.from && rule.toPort >= need.to)) continue;
      const fromPort = Math.min(need.from, ...had.map((rule) => rule.fromPort));
      const toPort = Math.max(need.to, ...had.map((rule) => rule.toPort));
      const rule = { protocol, fromPort, toPort, group: reference, description };
      const on = { name: node.name, target: node.id };
      before.push({ do: "authorizeIngress", ...on, rules: [rule] });
      if (had.length > 0) after.push({ do: "revokeIngress", ...on, rules: had });
    }
  return { before, after, group: reference };
}

function rulesFrom(node: SecurityGroup, group: string, protocol: "tcp" | "udp"): SecurityRule[] {
  return node.inbound.filter((rule) => rule.group === group && rule.protocol === protocol);
}

function neededRanges(targetGroups: readonly DesiredTargetGroup[]): Map<"tcp" | "udp", Range> {
  const ranges = new Map<"tcp" | "udp", Range>();
  const add = (protocol: "tcp" | "udp", port: number): void => {
    const { from, to } = ranges.get(protocol) ?? { from: port, to: port };
    ranges.set(protocol, { from: Math.min(from, port), to: Math.max(to, port) });
  };
  for (const { protocol, targets, healthCheck, port } of targetGroups) {
    for (const target of targets) {
      if (protocol !== "UDP") add("tcp", target.port);
      if (protocol.includes("UDP")) add("udp", target.port);
      if (healthCheck.port === "traffic-port") add("tcp", target.port);
    }
    if (targets.length === 0) add(protocol === "UDP" ? "udp" : "tcp", port);
    if (healthCheck.port !== "traffic-port") add("tcp", healthCheck.port);
  }
  return ranges;
}

/** Takes our rules for the shared group from all groups of the VPC, then the group: when no load balancer needs it. */
export function backendRemoval(group: SecurityGroup, all: readonly SecurityGroup[]): Step[] {
  const steps: Step[] = [];
  for (const { id, name, inbound } of all) {
    const rules = inbound.filter((rule) => rule.group === group.id && rule.description === NODE_RULE);
    if (id !== group.id && rules.length > 0) steps.push({ do: "revokeIngress", name, target: id, rules });
  }
  return [...steps, { do: "deleteSecurityGroup", name: group.name, target: group.id }];
}
