/** What the statuses of objects say by their conditions (API conventions: "Typical status properties"). */
import type { Condition } from "./types.ts";

/** An object as far as its conditions go. */
interface Conditioned {
  readonly status?: { readonly conditions?: readonly Condition[] };
}

/** A condition of a list by its type. */
export function conditionOf(
  conditions: readonly Condition[] | undefined,
  type: string,
): Condition | undefined {
  return conditions?.find((condition) => condition.type === type);
}

/** Whether a condition of an object is True; one that it has not is not. */
export function hasCondition({ status }: Conditioned, type: string): boolean {
  return conditionOf(status?.conditions, type)?.status === "True";
}
