/**
 * Policies that cannot both be followed: of equal reach, for pods that both may choose, and saying different things. Of
 * MeshPolicies the older counts, then the first by name; of AuthorizationPolicies that which denies.
 */
import type { AuthorizationPolicy, MeshPolicy } from "../../objects/mesh/index.ts";
import { equal } from "../gateway/equality.ts";

/** A contradiction as one of the two sees it. */
export interface Contradiction {
  /** `namespace/name` of the other. */
  readonly other: string;
  /** What they differ in: `mutualTls`, `rules[0]`. */
  readonly field: string;
  /** What this one says, and what the other does. */
  readonly says: string;
  readonly otherSays: string;
  readonly wins: boolean;
}

type Policy = MeshPolicy | AuthorizationPolicy;

function keyOf({ metadata }: Policy): string {
  return `${metadata.namespace ?? ""}/${metadata.name}`;
}

/** The labels that a policy asks for; none: all pods. */
export function labelsOf({ spec }: Policy): Readonly<Record<string, string>> {
  return spec.selector?.matchLabels ?? {};
}

/** Whether some pod may have the labels that both ask for, and neither reaches farther than the other. */
function meet(one: Policy, other: Policy): boolean {
  const mine = labelsOf(one);
  const theirs = labelsOf(other);
  if ((Object.keys(mine).length === 0) !== (Object.keys(theirs).length === 0)) return false;
  return Object.entries(mine).every(([key, value]) => theirs[key] === undefined || theirs[key] === value);
}

function comesFirst(one: Policy, other: Policy): boolean {
  const order = ({ metadata }: Policy) => `${metadata.creationTimestamp ?? ""} ${metadata.name}`;
  return order(one) < order(other);
}

/** What a MeshPolicy says, field by field. */
function sayingsOf({ spec }: MeshPolicy): Map<string, unknown> {
  const said: [string, unknown][] = [
    ["mutualTls", spec.mutualTls],
    ["unknownOutbound", spec.unknownOutbound],
    ["preferClientFamily", spec.preferClientFamily],
    ["telemetry.accessLog", spec.telemetry?.accessLog],
    ["telemetry.metrics", spec.telemetry?.metrics],
    ["telemetry.tracing", spec.telemetry?.tracing],
    ...(spec.ports ?? []).map(({ port, mutualTls }): [string, unknown] => [
      `ports[${port}].mutualTls`,
      mutualTls,
    ]),
  ];
  return new Map(said.filter(([, value]) => value !== undefined));
}

/** The contradictions of a MeshPolicy with others of its namespace. */
export function meshContradictions(policy: MeshPolicy, others: readonly MeshPolicy[]): Contradiction[] {
  const mine = sayingsOf(policy);
  return others.flatMap((other) => {
    if (other === policy || !meet(policy, other)) return [];
    const theirs = sayingsOf(other);
    return [...mine].flatMap(([field, value]) => {
      const otherValue = theirs.get(field);
      if (otherValue === undefined || equal(value, otherValue)) return [];
      return [
        {
          other: keyOf(other),
          field,
          says: textOf(value),
          otherSays: textOf(otherValue),
          wins: comesFirst(policy, other),
        },
      ];
    });
  });
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

/**
 * The contradictions of an AuthorizationPolicy with others of its namespace: a rule that allows exactly what one denies,
 * or anything at all where one denies everything.
 */
export function accessContradictions(
  policy: AuthorizationPolicy,
  others: readonly AuthorizationPolicy[],
): Contradiction[] {
  const denies = policy.spec.action === "Deny";
  return others.flatMap((other) => {
    if (other === policy || (other.spec.action === "Deny") === denies || !mayMeet(policy, other)) return [];
    return (policy.spec.rules ?? []).flatMap((rule, index) => {
      const at = (other.spec.rules ?? []).findIndex((one) =>
        denies ? shadows(rule, one) : shadows(one, rule),
      );
      if (at < 0) return [];
      const otherSays = `${denies ? "Allow" : "Deny"} in rules[${at}]`;
      return [
        {
          other: keyOf(other),
          field: `rules[${index}]`,
          says: denies ? "Deny" : "Allow",
          otherSays,
          wins: denies,
        },
      ];
    });
  });
}

/** Rules add up whatever their reach. */
function mayMeet(one: Policy, other: Policy): boolean {
  const mine = labelsOf(one);
  const theirs = labelsOf(other);
  return Object.entries(mine).every(([key, value]) => theirs[key] === undefined || theirs[key] === value);
}

type Rule = NonNullable<AuthorizationPolicy["spec"]["rules"]>[number];

function shadows(denying: Rule, allowing: Rule): boolean {
  const everything = (denying.from ?? []).length === 0 && (denying.to ?? []).length === 0;
  return everything || equal(denying, allowing);
}
