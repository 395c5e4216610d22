/** The conditions of a policy (GEP-713): Accepted, and Overridden where narrower policies take its place. */
import { policyAt, type RecordingPolicies, recordingPolicies, resolved } from "./pick.ts";
import { kindOfTarget, targetKey } from "./targets.ts";
import type {
  PolicyFact,
  PolicyKind,
  PolicyObject,
  PolicyReferences,
  PolicySurroundings,
  PolicyTargetRef,
  PolicyVerdict,
  TargetKey,
} from "./types.ts";

/** What a policy's status says, the same on every ancestor. */
export function policyVerdict(policy: PolicyObject, surroundings: PolicySurroundings): PolicyVerdict {
  const recording = recordingPolicies(surroundings);
  const facts = [accepted(policy, surroundings, recording)];
  const overriding = facts[0]?.status === "True" ? narrower(policy, surroundings, recording) : [];
  if (overriding.length > 0)
    facts.push({
      type: "Overridden",
      status: "True",
      reason: "Overridden",
      message: `Overridden by ${listed(overriding)}`,
    });
  return { facts, lookups: recording.lookups };
}

function accepted(
  policy: PolicyObject,
  surroundings: PolicySurroundings,
  references: RecordingPolicies,
): PolicyFact {
  const no = (reason: string, message: string): PolicyFact => ({
    type: "Accepted",
    status: "False",
    reason,
    message,
  });
  const { problems, notes } = resolved(policy, references).compiled;
  if (problems.length > 0) return no("Invalid", problems.join("; "));
  const { targetRefs } = policy.spec;
  const missing = targetRefs.flatMap((target) => missingTarget(policy, target, surroundings) ?? []);
  if (missing.length === targetRefs.length) return no("TargetNotFound", missing.join("; "));
  const conflicts = targetRefs.flatMap((target) => conflict(policy, target, references) ?? []);
  if (conflicts.length === targetRefs.length) return no("Conflicted", conflicts.join("; "));
  const message = ["The policy is in force", ...missing, ...conflicts, ...notes].join("; ");
  return { type: "Accepted", status: "True", reason: "Accepted", message };
}

function described(target: PolicyTargetRef): string {
  return `${target.kind} ${target.name}${target.sectionName ? ` (${target.sectionName})` : ""}`;
}

function missingTarget(
  policy: PolicyObject,
  target: PolicyTargetRef,
  { sections }: PolicySurroundings,
): string | undefined {
  const there = sections(targetKey(policy, target));
  if (there === undefined) return `${described(target)} does not exist`;
  const { sectionName } = target;
  if (!sectionName || there.includes(sectionName)) return undefined;
  return `${target.kind} ${target.name} has no section ${sectionName} (it has: ${there.join(", ") || "none with a name"})`;
}

function conflict(
  policy: PolicyObject,
  target: PolicyTargetRef,
  references: PolicyReferences,
): string | undefined {
  const level = { key: targetKey(policy, target), section: target.sectionName };
  const winner = policyAt(policy.kind as PolicyKind, level, references);
  if (winner === undefined || isSame(winner, policy)) return undefined;
  return `${described(target)} has the older ${policy.kind} ${winner.metadata.name}`;
}

function isSame(one: PolicyObject, other: PolicyObject): boolean {
  const { metadata: a } = one;
  const { metadata: b } = other;
  return one.kind === other.kind && a.name === b.name && (a.namespace ?? "") === (b.namespace ?? "");
}

/** Policies of the kind on sections of the targets, and on routes below them. */
function narrower(
  policy: PolicyObject,
  surroundings: PolicySurroundings,
  references: PolicyReferences,
): string[] {
  const whole = policy.spec.targetRefs.filter(
    (target) => !target.sectionName && kindOfTarget(target) !== undefined,
  );
  const keys = new Set(whole.map((target) => targetKey(policy, target)));
  const found = new Set<string>();
  const collect = (other: PolicyObject, isNarrower: (target: PolicyTargetRef, key: TargetKey) => boolean) => {
    if (other.kind !== policy.kind || isSame(other, policy)) return;
    for (const target of other.spec.targetRefs)
      if (isNarrower(target, targetKey(other, target)))
        found.add(
          `${other.kind} ${other.metadata.namespace ?? ""}/${other.metadata.name} on ${described(target)}`,
        );
  };
  for (const key of keys)
    for (const other of references.policiesFor(key))
      collect(other, (target, at) => at === key && !!target.sectionName);
  if (policy.kind === "ClientTrafficPolicy") return [...found].sort();
  const above = [...keys].filter((key) => key.startsWith("Gateway/") || key.startsWith("ListenerSet/"));
  if (above.length > 0)
    for (const other of surroundings.policiesOf(policy.kind as PolicyKind))
      collect(
        other,
        (target, at) => target.kind.endsWith("Route") && above.some((key) => surroundings.isUnder(at, key)),
      );
  return [...found].sort();
}

/** Names a few; a Gateway may have thousands. */
function listed(names: readonly string[]): string {
  const shown = names.slice(0, 8).join(", ");
  return names.length > 8 ? `${shown} and ${names.length - 8} more` : shown;
}
