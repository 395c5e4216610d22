import type { Kind } from "../kinds.ts";
import {
  EMPTY,
  type FieldSet,
  isMember,
  type MutableFieldSet,
  nodeOf,
  recursiveDifference,
  setOf,
} from "./field-set.ts";
import { fieldElement } from "./path-element.ts";

/** Leaves of a set what a write can own. */
export type FieldFilter = (set: FieldSet) => FieldSet;

/** Nothing of these paths (`metadata.labels`) can be owned, nor anything below them. */
export function keepOutside(excluded: readonly string[]): FieldFilter {
  const set = setOf(...excluded.map((path) => path.split(".").map(fieldElement)));
  return (fields) => recursiveDifference(fields, set);
}

/** Only these paths can be owned, with all below them; `*` stands for any one step. */
export function keepInside(included: readonly string[]): FieldFilter {
  const patterns = included.map((path) => path.split("."));
  return (fields) => matching(fields, patterns);
}

/** As structured-merge-diff's FilterIncludeMatches: steps on the way to a pattern's end are kept, too. */
function matching(set: FieldSet, patterns: readonly (readonly string[])[]): FieldSet {
  const result: MutableFieldSet = {};
  for (const element in set) {
    if (element === ".") continue;
    const node = set[element] ?? EMPTY;
    const rest = patterns
      .filter(([first]) => first === "*" || `f:${first}` === element)
      .map((p) => p.slice(1));
    if (rest.length === 0) continue;
    const isWhole = rest.some((pattern) => pattern.length === 0);
    const kept = isWhole ? node : nodeOf(isMember(node), matching(node, rest));
    if (kept !== undefined) result[element] = kept;
  }
  return result;
}

const STATUS = keepOutside(["status"]);
const SPEC = keepOutside(["spec"]);

/**
 * What differs from the rule that writes of the object cannot own its status and writes of the status not
 * the spec (GetResetFields and GetResetFieldsFilter of the strategies in pkg/registry). ServiceCIDR names a
 * version there that does not exist, so nothing of it is kept back.
 */
const EXCEPTIONS: Readonly<Record<string, FieldFilter | undefined>> = {
  "Pod/status": keepOutside(["spec", "metadata.deletionTimestamp", "metadata.ownerReferences"]),
  "Pod/ephemeralcontainers": keepInside(["spec.ephemeralContainers"]),
  "Pod/resize": keepInside([
    "spec.containers.*.resources",
    "spec.containers.*.resizePolicy",
    "spec.initContainers.*.resources",
    "spec.initContainers.*.resizePolicy",
  ]),
  "Deployment/status": keepOutside(["spec", "metadata.labels"]),
  "Namespace/finalize": STATUS,
  "CustomResourceDefinition/status": keepOutside(["metadata", "spec"]),
  "ServiceCIDR/": undefined,
  "ServiceCIDR/status": undefined,
};

/**
 * What a write of a built-in kind, or of one of its subresources, can own; undefined when it can own
 * everything.
 */
export function filterOfKind(kind: Kind, subresource: string): FieldFilter | undefined {
  const key = `${kind.kind}/${subresource}`;
  if (Object.hasOwn(EXCEPTIONS, key)) return EXCEPTIONS[key];
  if (!kind.subresources.includes("status")) return undefined;
  if (subresource === "") return STATUS;
  return subresource === "status" ? SPEC : undefined;
}
