/** A Service's own security group, for its clients. Rules are allowed before load balancers change and revoked after. */
import { formatCidr, parseCidr } from "../../../ip/cidr.ts";
import type { DesiredSecurityGroup, SecurityGroup, SecurityRule } from "../model.ts";
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
