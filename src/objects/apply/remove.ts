import { isObject, type JsonObject } from "../patch/json-value.ts";
import { setKey } from "../schema/go-json.ts";
import { childrenOf, type FieldSet, hasChildren, isMember } from "./field-set.ts";
import { checkedItemElement } from "./list-items.ts";
import { fieldType, type ListType, type MapType, type MergeType, shapeOf } from "./merge-type.ts";
import { fieldElement } from "./path-element.ts";

/**
 * The value without the fields and items of a set, or with nothing but them. A map or list of which nothing
 * is left becomes null (structured-merge-diff typed/remove.go).
 */
export function removeItems(value: unknown, set: FieldSet, type: MergeType, extract = false): unknown {
  const shape = shapeOf(type, value);
  if (shape === "map" && type.map !== undefined) return fromMap(value, set, type.map, extract);
  if (shape === "list" && type.list !== undefined) return fromList(value, set, type.list, extract);
  return value;
}

/** The value with nothing but the fields and items of a set. */
export function extractItems(value: unknown, set: FieldSet, type: MergeType): unknown {
  return removeItems(value, set, type, true);
}

function fromMap(value: unknown, set: FieldSet, type: MapType, extract: boolean): unknown {
  if (!isObject(value)) return null;
  const names = Object.keys(value);
  if (names.length === 0 || type.atomic) return extract ? value : null;
  const result: JsonObject = {};
  let isEmpty = true;
  for (const name of names) {
    const node = set[fieldElement(name)];
    const inside = hasChildren(node) ? childrenOf(node) : undefined;
    const isRemoved = isMember(node);
    if (isRemoved ? !extract : extract && inside === undefined) continue;
    isEmpty = false;
    const type2 = fieldType(type, name);
    const kept = isRemoved ? removeItems(value[name], set, type2, extract) : value[name];
    setKey(
      result,
      name,
      isRemoved || inside === undefined ? kept : removeItems(kept, inside, type2, extract),
    );
  }
  return isEmpty ? null : result;
}

function fromList(value: unknown, set: FieldSet, type: ListType, extract: boolean): unknown {
  if (!Array.isArray(value)) return null;
  if (value.length === 0 || type.atomic) return extract ? value : null;
  const result: unknown[] = [];
  for (const item of value) {
    const node = set[checkedItemElement(type, item)];
    const inside = hasChildren(node) ? childrenOf(node) : undefined;
    const isMatch = isMember(node);
    if (extract ? !isMatch && inside === undefined : isMatch) continue;
    result.push(inside === undefined ? item : removeItems(item, inside, type.items, extract));
  }
  return result.length === 0 ? null : result;
}
