import type { PolicyRule } from "../../../objects/rbac/types.ts";
import { urlCovers } from "./rules.ts";

// component-helpers/auth/rbac/validation/policy_comparator.go

/** The parts of `wanted` that no single rule of `held` covers, each with one verb and one resource or path. */
export function uncovered(held: readonly PolicyRule[], wanted: readonly PolicyRule[]): PolicyRule[] {
  return wanted.flatMap(breakDown).filter((part) => !held.some((rule) => covers(rule, part)));
}

/** One rule for every combination of group, resource, verb and name, or of path and verb. */
function breakDown({
  verbs,
  apiGroups,
  resources,
  resourceNames,
  nonResourceURLs,
}: PolicyRule): PolicyRule[] {
  const parts: PolicyRule[] = [];
  const names = resourceNames?.length ? resourceNames.map((name) => ({ resourceNames: [name] })) : [{}];
  for (const group of apiGroups ?? []) {
    for (const resource of resources ?? []) {
      for (const verb of verbs ?? []) {
        for (const name of names) {
          parts.push({ apiGroups: [group], resources: [resource], verbs: [verb], ...name });
        }
      }
    }
  }
  for (const url of nonResourceURLs ?? []) {
    for (const verb of verbs ?? []) parts.push({ nonResourceURLs: [url], verbs: [verb] });
  }
  return parts;
}

function covers(rule: PolicyRule, part: PolicyRule): boolean {
  const names = rule.resourceNames ?? [];
  return (
    coversAll(rule.verbs, part.verbs) &&
    coversAll(rule.apiGroups, part.apiGroups) &&
    (part.resources ?? []).every((resource) => coversResource(rule.resources ?? [], resource)) &&
    (names.length === 0 || ((part.resourceNames?.length ?? 0) > 0 && hasAll(names, part.resourceNames))) &&
    (part.nonResourceURLs ?? []).every((path) => rule.nonResourceURLs?.some((url) => urlCovers(url, path)))
  );
}

function coversAll(set: readonly string[] = [], wanted: readonly string[] = []): boolean {
  return set.includes("*") || hasAll(set, wanted);
}

function hasAll(set: readonly string[], wanted: readonly string[] = []): boolean {
  return wanted.every((value) => set.includes(value));
}

function coversResource(set: readonly string[], resource: string): boolean {
  if (set.includes("*") || set.includes(resource)) return true;
  const slash = resource.indexOf("/");
  return slash >= 0 && set.includes(`*${resource.slice(slash)}`);
}

/** Rules as a message lists them: sorted, those of one resource joined (CompactRules, CompactString). */
export function describeRules(rules: readonly PolicyRule[]): string {
  const joined = new Map<string, PolicyRule>();
  for (const [index, rule] of rules.entries()) {
    const { apiGroups, resources, resourceNames, nonResourceURLs, verbs } = rule;
    const isSimple = !resourceNames?.length && !nonResourceURLs?.length;
    const key = isSimple ? `${apiGroups?.[0]}/${resources?.[0]}` : `#${index}`;
    const known = joined.get(key);
    joined.set(key, known === undefined ? rule : { ...known, verbs: [...known.verbs, ...verbs] });
  }
  return [...new Set([...joined.values()].map(describe))].sort().join("\n");
}

function describe(rule: PolicyRule): string {
  const parts = [
    ["APIGroups", rule.apiGroups],
    ["Resources", rule.resources],
    ["NonResourceURLs", rule.nonResourceURLs],
    ["ResourceNames", rule.resourceNames],
    ["Verbs", rule.verbs],
  ] as const;
  const shown = parts.filter(([, values]) => (values?.length ?? 0) > 0);
  return `{${shown.map(([name, values]) => `${name}:${quoted(values!)}`).join(", ")}}`;
}

/** A list of texts as Go's `%q` prints it. */
export function quoted(values: readonly string[]): string {
  return `[${values.map((value) => JSON.stringify(value)).join(" ")}]`;
}
