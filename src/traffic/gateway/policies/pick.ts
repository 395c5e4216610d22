/** Which policy is in force at a place: the most specific target wins, and of several on one target the oldest. */
import { oldest } from "../oldest.ts";
import { recordingReferences } from "../routes/recording.ts";
import type { Needs, RecordingReferences } from "../routes/types.ts";
import { type CompiledPolicy, compilePolicy } from "./compile.ts";
import { type Resolved, withReferences } from "./resolved.ts";
import { targetsAt } from "./targets.ts";
import type {
  PolicyKind,
  PolicyLookup,
  PolicyObject,
  PolicyReferences,
  PolicySite,
  TargetKey,
} from "./types.ts";

/** An object, or a section of it, that policies may be attached to. */
export interface Level {
  readonly key: TargetKey;
  readonly section?: string | undefined;
}

/** A policy in force. */
export interface Picked {
  readonly policy: PolicyObject;
  readonly compiled: CompiledPolicy;
  /** What it adds to those of the route. */
  readonly needs?: Needs;
  /** Differs whenever what the policy says does; statuses do not change it. */
  readonly id: string;
}

/** Lookups that remember what was asked for. */
export interface RecordingPolicies extends PolicyReferences {
  readonly objects: RecordingReferences;
  readonly lookups: ReadonlySet<PolicyLookup>;
}

/** Wraps lookups of policies so that they remember what was asked for. */
export function recordingPolicies(source: PolicyReferences): RecordingPolicies {
  const lookups = new Set<PolicyLookup>();
  const objects = recordingReferences(source.objects);
  return {
    get lookups() {
      return objects.lookups.size === 0 ? lookups : new Set([...lookups, ...objects.lookups]);
    },
    policiesFor(target) {
      lookups.add(`Policies/${target}`);
      return source.policiesFor(target);
    },
    objects,
  };
}

/** The levels of a listener, the most specific first. */
export function listenerLevels({ gateway, owner, listener }: PolicySite): readonly Level[] {
  const root = `Gateway/${gateway}`;
  return [{ key: owner, section: listener }, { key: owner }, ...(owner === root ? [] : [{ key: root }])];
}

/** The policy of a kind that comes first at one level, valid or not. */
export function policyAt(
  kind: PolicyKind,
  level: Level,
  references: PolicyReferences,
): PolicyObject | undefined {
  const there = references.policiesFor(level.key);
  if (there.length === 0) return undefined;
  return oldest(
    there.filter((policy) => policy.kind === kind && targetsAt(policy, level.key, level.section).length > 0),
  );
}

/**
 * The policy in force, levels being the most specific first. One that is not valid is passed over, except a
 * SecurityPolicy: what it was to keep out must not come in through a wider one.
 */
export function pick(
  kind: PolicyKind,
  levels: readonly Level[],
  references: RecordingPolicies,
): Picked | undefined {
  for (const level of levels) {
    if (level.section === "") continue;
    const policy = policyAt(kind, level, references);
    if (policy === undefined) continue;
    const { compiled, needs, id } = resolved(policy, references);
    if (compiled.problems.length > 0 && kind !== "SecurityPolicy") continue;
    return { policy, compiled, ...(needs && { needs }), id: `${idOf(policy)}${id}` };
  }
  return undefined;
}

/** A policy, read, with what it names in it. */
export function resolved(policy: PolicyObject, references: RecordingPolicies): Resolved {
  return withReferences(policy, compilePolicy(policy), references.objects);
}

function idOf({ kind, metadata, spec }: PolicyObject): string {
  const { namespace = "", name, uid = "", generation } = metadata;
  return `${kind}/${namespace}/${name}/${uid}/${generation ?? JSON.stringify(spec)}`;
}
