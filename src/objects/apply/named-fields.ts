import { EMPTY, type FieldSet, hasChildren, isMember, type MutableFieldSet, nodeOf } from "./field-set.ts";
import type { MergeType } from "./merge-type.ts";

/**
 * The set with all fields that the schema names on the way to its members: of `a.b.c` also `a` when it is a
 * named field, but not `a.b` when `a` is a map (structured-merge-diff fieldpath/set.go,
 * EnsureNamedFieldsAreMembers).
 */
export function withNamedFields(set: FieldSet, type: MergeType | undefined): FieldSet {
  const result: MutableFieldSet = {};
  for (const element in set) {
    if (element === ".") continue;
    const node = set[element] ?? EMPTY;
    if (!hasChildren(node)) {
      result[element] = node;
      continue;
    }
    const field = element.startsWith("f:") ? type?.map?.fields.get(element.slice(2)) : undefined;
    const below = withNamedFields(node, field?.type ?? elementType(element, type));
    result[element] = nodeOf(isMember(node) || field !== undefined, below) ?? EMPTY;
  }
  return result;
}

function elementType(element: string, type: MergeType | undefined): MergeType | undefined {
  if (element.startsWith("f:")) return type?.map?.values;
  return element.startsWith("k:") ? type?.list?.items : undefined;
}
