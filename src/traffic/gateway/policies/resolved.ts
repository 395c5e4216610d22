/** A policy with all that it refers to in it. Pure. */
import { addNeeds, newNeeds } from "../routes/context.ts";
import type { Needs, RecordingReferences } from "../routes/types.ts";
import { withApiKeys } from "./api-keys.ts";
import { withAuthorizer } from "./authorizer.ts";
import type { CompiledPolicy } from "./compile.ts";
import { withTokens } from "./tokens.ts";
import type { PolicyObject } from "./types.ts";
import { withUsers } from "./users.ts";

/** A policy, read, with what it names in it. */
export interface Resolved {
  readonly compiled: CompiledPolicy;
  /** What it adds to those of routes. */
  readonly needs?: Needs;
  /** Differs whenever what the policy names does; empty where it names nothing. */
  readonly id: string;
}

type Step = (policy: PolicyObject, compiled: CompiledPolicy, references: RecordingReferences) => Resolved;

/** After one with a problem the others have nothing to do. */
const STEPS: readonly Step[] = [withUsers, withApiKeys, withAuthorizer, withTokens];

/** Puts in what a policy refers to; what leads nowhere is a problem of the policy. */
export function withReferences(
  policy: PolicyObject,
  compiled: CompiledPolicy,
  references: RecordingReferences,
): Resolved {
  let result: Resolved = { compiled, id: "" };
  if (policy.kind !== "SecurityPolicy") return result;
  for (const step of STEPS) {
    const next = step(policy, result.compiled, references);
    const needs = bothNeeds(result.needs, next.needs);
    result = { compiled: next.compiled, ...(needs && { needs }), id: `${result.id}${next.id}` };
  }
  return result.compiled.problems.length === 0 ? result : { compiled: result.compiled, id: result.id };
}

function bothNeeds(one: Needs | undefined, other: Needs | undefined): Needs | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  const both = newNeeds();
  addNeeds(both, one);
  addNeeds(both, other);
  const tokens = one.tokens ?? other.tokens;
  return { ...both, ...(tokens && { tokens }) };
}
