/** Conditions in statuses: what is to be said, and when it began to be so. */
import type { Condition } from "../../objects/types.ts";

/** A condition before it has a time and a generation. */
export interface Fact {
  readonly type: string;
  readonly status: "True" | "False" | "Unknown";
  readonly reason: string;
  readonly message: string;
}

/** A condition that holds. */
export function holds(type: string, reason: string, message = ""): Fact {
  return { type, status: "True", reason, message };
}

/** A condition that does not hold, and why. */
export function fails(type: string, reason: string, message: string): Fact {
  return { type, status: "False", reason, message };
}

/** When conditions are written. */
export interface Moment {
  /** RFC 3339, in seconds, as metav1.Time. */
  readonly now: string;
}

/** The limit of a condition's message (metav1.Condition). */
const MAX_MESSAGE = 32_768;

/**
 * Facts as conditions of one generation of an object; those whose status is as before keep their time. Conditions of
 * types that we never write (others' tools) are kept at the end.
 */
export function conditionsOf(
  facts: readonly Fact[],
  before: readonly Condition[] | undefined,
  generation: number | undefined,
  { now }: Moment,
  isOurs: (type: string) => boolean = () => true,
): Condition[] {
  const ours = facts.map(({ type, status, reason, message }) => {
    const old = before?.find((condition) => condition.type === type);
    const lastTransitionTime = old?.status === status ? (old.lastTransitionTime ?? now) : now;
    const text = message.length > MAX_MESSAGE ? message.slice(0, MAX_MESSAGE) : message;
    const observed = generation === undefined ? {} : { observedGeneration: generation };
    return { type, status, reason, message: text, lastTransitionTime, ...observed };
  });
  const foreign = (before ?? []).filter(
    ({ type }) => !isOurs(type) && !facts.some((fact) => fact.type === type),
  );
  return [...ours, ...foreign];
}
