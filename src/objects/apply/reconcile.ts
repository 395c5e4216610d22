import { EMPTY, type FieldSet, hasChildren, isMember, type MutableFieldSet } from "./field-set.ts";
import { DEDUCED, type MapType, type MergeType, shapeOf } from "./merge-type.ts";

/**
 * Fits a stored set to the schema of now: who owned parts of what is now owned as a whole, owns the whole
 * (structured-merge-diff typed/reconcile_schema.go). Returns the same set when nothing is to do.
 */
export function reconcile(set: FieldSet, type: MergeType): FieldSet {
  return reconcileNode(set, type, false);
}

const SELF = ".";

function reconcileNode(node: FieldSet, type: MergeType, isWhole: boolean): FieldSet {
  const shape = shapeOf(type, undefined);
  if (shape === "map" && type.map !== undefined) {
    const { map } = type;
    if (isDeduced(map)) return node;
    if (map.atomic && !isWhole) return EMPTY;
    return map.atomic ? node : eachBelow(node, (element) => elementOfMap(map, element));
  }
  const { list } = type;
  if (shape !== "list" || list === undefined) return node;
  if (list.atomic && !isWhole) return EMPTY;
  return list.atomic ? node : eachBelow(node, () => list.items);
}

function isDeduced({ fields, values }: MapType): boolean {
  return fields.size === 0 && values === DEDUCED;
}

function elementOfMap(map: MapType, element: string): MergeType | undefined {
  return (element.startsWith("f:") ? map.fields.get(element.slice(2))?.type : undefined) ?? map.values;
}

function eachBelow(node: FieldSet, typeOf: (element: string) => MergeType | undefined): FieldSet {
  let result: MutableFieldSet | undefined;
  for (const element in node) {
    if (element === SELF) continue;
    const child = node[element] ?? EMPTY;
    const type = typeOf(element);
    if (type === undefined) continue;
    const next = reconcileNode(child, type, isMember(child) && !hasChildren(child));
    if (next === child) continue;
    result ??= { ...node };
    result[element] = next;
  }
  return result ?? node;
}
