import type { Kind } from "../../objects/kinds.ts";
import type { Condition } from "../../objects/types.ts";
import { formatTime } from "../../objects/time.ts";

/** What one kind still has in a namespace. */
export interface Remaining {
  readonly kind: Kind;
  readonly count: number;
  /** How many of them each finalizer holds. */
  readonly finalizers: ReadonlyMap<string, number>;
}

/** What one pass over a namespace's content found. */
export interface Pass {
  readonly remaining: readonly Remaining[];
  /** Groups and versions whose discovery failed, and why. */
  readonly undiscovered: ReadonlyMap<string, Error>;
  /** What could not be listed or deleted. */
  readonly errors: readonly Error[];
}

/** Each condition's reason and message while nothing is wrong. */
const FINE = {
  NamespaceDeletionDiscoveryFailure: ["ResourcesDiscovered", "All resources successfully discovered"],
  NamespaceDeletionGroupVersionParsingFailure: [
    "ParsedGroupVersions",
    "All legacy kube types successfully parsed",
  ],
  NamespaceDeletionContentFailure: [
    "ContentDeleted",
    "All content successfully deleted, may be waiting on finalization",
  ],
  NamespaceContentRemaining: ["ContentRemoved", "All content successfully removed"],
  NamespaceFinalizersRemaining: ["ContentHasNoFinalizers", "All content-preserving finalizers finished"],
} as const;

/**
 * The conditions of a namespace being deleted, in the words of pkg/controller/namespace/deletion
 * (status_condition_utils.go).
 * @param before those that it has; conditions of other types stay
 * @returns undefined when nothing changes
 */
export function deletionConditions(
  before: readonly Condition[],
  pass: Pass,
  now: Date,
): Condition[] | undefined {
  const time = formatTime(now);
  const wrong = wrongOf(pass);
  const conditions = [...before];
  let changed = false;
  for (const [type, [fineReason, fineMessage]] of Object.entries(FINE)) {
    const [reason, message] = wrong[type] ?? [fineReason, fineMessage];
    const status = wrong[type] === undefined ? "False" : "True";
    const at = conditions.findIndex((condition) => condition.type === type);
    const old = conditions[at];
    if (old?.status === status && old.reason === reason && old.message === message) continue;
    const since = old?.status === status ? old.lastTransitionTime : undefined;
    const condition = { type, status, lastTransitionTime: since ?? time, reason, message };
    if (at < 0) conditions.push(condition);
    else conditions[at] = condition;
    changed = true;
  }
  return changed ? conditions : undefined;
}

/** Reason and message of each condition that is True. */
function wrongOf({ remaining, undiscovered, errors }: Pass): Record<string, readonly [string, string]> {
  const wrong: Record<string, readonly [string, string]> = {};
  if (undiscovered.size > 0) {
    const failing = [...undiscovered]
      .map(([version, { message }]) => `${version}: ${message}`)
      .sort()
      .join(", ");
    const text = `unable to retrieve the complete list of server APIs: ${failing}`;
    const message = `Discovery failed for some groups, ${undiscovered.size} failing: ${text}`;
    wrong["NamespaceDeletionDiscoveryFailure"] = ["DiscoveryFailed", message];
  }
  if (errors.length > 0) {
    const texts = errors
      .map(({ message }) => message)
      .sort()
      .join(", ");
    const message = `Failed to delete all resource types, ${errors.length} remaining: ${texts}`;
    wrong["NamespaceDeletionContentFailure"] = ["ContentDeletionFailed", message];
  }
  const left = remaining.filter(({ count }) => count > 0);
  if (left.length > 0) {
    const texts = left.map(
      ({ kind, count }) => `${kind.plural}.${kind.group} has ${count} resource instances`,
    );
    const message = `Some resources are remaining: ${texts.sort().join(", ")}`;
    wrong["NamespaceContentRemaining"] = ["SomeResourcesRemain", message];
  }
  const finalizers = new Map<string, number>();
  for (const [name, count] of left.flatMap((each) => [...each.finalizers]))
    finalizers.set(name, (finalizers.get(name) ?? 0) + count);
  if (finalizers.size > 0) {
    const texts = [...finalizers].map(([name, count]) => `${name} in ${count} resource instances`);
    const message = `Some content in the namespace has finalizers remaining: ${texts.sort().join(", ")}`;
    wrong["NamespaceFinalizersRemaining"] = ["SomeFinalizersRemain", message];
  }
  return wrong;
}
