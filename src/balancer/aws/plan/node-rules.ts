/**
 * The cluster's shared backend group, and the rules in the nodes' groups that let its traffic in. A group has room for
 * few rules, so that it has one a protocol, from the lowest port that any Service needs to the highest (as the AWS Load
 * Balancer Controller has it, pkg/networking/networking_manager.go). A Service's plan makes rules wider, before its load
 * balancer needs them; {@link tidySteps} makes them follow what all Services need, when none is at work.
 */
import type { DesiredTargetGroup, SecurityGroup, SecurityRule, Tags, TargetGroup } from "../model.ts";
import type { Reference, Step } from "../steps.ts";
import { type GroupPlan, ruleKey } from "./security-groups.ts";

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

/** What our rules in the nodes' groups are described as; others' rules stay. */
const NODE_RULE = "Traffic of load balancers to nodes";

interface Range {
  readonly from: number;
  readonly to: number;
}

/** Ports by protocol. */
export type PortRanges = ReadonlyMap<"tcp" | "udp", Range>;

/** Lets the shared backend group reach the targets: only ever more. */
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
  const ranges = rangesOf(targetGroups);
  for (const node of backend.nodeGroups)
    for (const [protocol, need] of ranges) {
      const had = rulesFrom(node, reference, protocol);
      if (had.some((rule) => rule.fromPort <= need.from && rule.toPort >= need.to)) continue;
      const wide = had.reduce<Range>(
        (all, rule) => union(all, { from: rule.fromPort, to: rule.toPort }),
        need,
      );
      const changed = changeTo(wide, protocol, { node, reference, had });
      before.push(...changed.allow);
      after.push(...changed.revoke);
    }
  return { before, after, group: reference };
}

/** Our rules for the shared group; what someone else wrote is not ours to change. */
function rulesFrom(node: SecurityGroup, group: Reference, protocol: string): SecurityRule[] {
  return node.inbound.filter(
    (rule) => rule.group === group && rule.protocol === protocol && rule.description === NODE_RULE,
  );
}

/** One rule for a range in place of those there were; someone else's may be the same one, as AWS has each once. */
function changeTo(
  { from, to }: Range,
  protocol: "tcp" | "udp",
  { node, reference, had }: { node: SecurityGroup; reference: Reference; had: readonly SecurityRule[] },
): { allow: Step[]; revoke: Step[] } {
  const rule = { protocol, fromPort: from, toPort: to, group: reference, description: NODE_RULE };
  const on = { name: node.name, target: node.id };
  const present = node.inbound.some((it) => ruleKey(it) === ruleKey(rule));
  const extra = had.filter((it) => ruleKey(it) !== ruleKey(rule));
  return {
    allow: present ? [] : [{ do: "authorizeIngress", ...on, rules: [rule] }],
    revoke: extra.length === 0 ? [] : [{ do: "revokeIngress", ...on, rules: extra }],
  };
}

/** What targets of these groups are reached at, by traffic and by health checks. */
export function rangesOf(
  targetGroups: readonly Pick<
    DesiredTargetGroup | TargetGroup,
    "protocol" | "port" | "healthCheck" | "targets"
  >[],
): PortRanges {
  const ranges = new Map<"tcp" | "udp", Range>();
  const add = (protocol: "tcp" | "udp", port: number): void => {
    const range = { from: port, to: port };
    ranges.set(protocol, union(ranges.get(protocol) ?? range, range));
  };
  for (const { protocol, targets, healthCheck, port } of targetGroups) {
    for (const at of targets.length === 0 ? [{ port }] : targets) {
      if (protocol !== "UDP") add("tcp", at.port);
      if (protocol.includes("UDP")) add("udp", at.port);
      if (healthCheck.port === "traffic-port") add("tcp", at.port);
    }
    if (healthCheck.port !== "traffic-port") add("tcp", healthCheck.port);
  }
  return ranges;
}

function union(a: Range, b: Range): Range {
  return { from: Math.min(a.from, b.from), to: Math.max(a.to, b.to) };
}

/** What load balancers of a Service need of the nodes' groups. */
export interface NodeNeed {
  /** Ids of the groups; undefined: of all that have rules of ours, as nobody knows better. */
  readonly groups: readonly string[] | undefined;
  readonly ranges: PortRanges;
}

/** Makes our rules as wide as these needs are together, and takes them from groups that nobody needs. */
export function tidySteps(
  { id: backend }: SecurityGroup,
  all: readonly SecurityGroup[],
  needs: readonly NodeNeed[],
): Step[] {
  const steps: Step[] = [];
  for (const node of all) {
    const here = needs.filter(({ groups }) => groups?.includes(node.id) ?? true);
    for (const protocol of ["tcp", "udp"] as const) {
      const had = rulesFrom(node, backend, protocol);
      if (node.id === backend || had.length === 0) continue;
      const wanted = here.map(({ ranges }) => ranges.get(protocol)).filter((range) => range !== undefined);
      const on = { name: node.name, target: node.id };
      if (wanted.length === 0) steps.push({ do: "revokeIngress", ...on, rules: had });
      else {
        const changed = changeTo(wanted.reduce(union), protocol, { node, reference: backend, had });
        steps.push(...changed.allow, ...changed.revoke);
      }
    }
  }
  return steps;
}

/** Takes our rules for the shared group from all groups of the VPC, then the group: when no load balancer needs it. */
export function backendRemoval(group: SecurityGroup, all: readonly SecurityGroup[]): Step[] {
  return [...tidySteps(group, all, []), { do: "deleteSecurityGroup", name: group.name, target: group.id }];
}
