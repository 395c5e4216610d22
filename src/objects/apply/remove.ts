import { isObject, type JsonObject } from "../patch/json-value.ts";
import { setKey } from "../schema/go-json.ts";
import { childrenOf, type FieldSet, hasChildren, isMember } from "./field-set.ts";
import { checkedItemElement } from "./list-items.ts";
import { fieldType, type ListType, type MapType, type MergeType, shapeOf } from "./merge-type.ts";
import { fieldElement } from "./path-element.ts";

/**
 * The value without the fields and items of a set. A map or list of which nothing is left becomes null
 * (structured-merge-diff typed/remove.go).
 */
export function removeItems(value: unknown, set: FieldSet, type: MergeType): unknown {
  const shape = shapeOf(type, value);
  if (shape === "map" && type.map !== undefined) return fromMap(value, set, type.map);
  if (shape === "list" && type.list !== undefined) return fromList(value, set, type.list);
  return value;
}

function fromMap(value: unknown, set: FieldSet, type: MapType): unknown {
  if (!isObject(value)) return null;
  const names = Object.keys(value);
  if (names.length === 0 || type.atomic) return null;
  const result: JsonObject = {};
  let isEmpty = true;
  for (const name of names) {
    const node = set[fieldElement(name)];
    const inside = hasChildren(node) ? childrenOf(node) : undefined;
    if (isMember(node)) continue;
    isEmpty = false;
    const kept = value[name];
    setKey(result, name, inside === undefined ? kept : removeItems(kept, inside, fieldType(type, name)));
  }
  return isEmpty ? null : result;
}

function fromList(value: unknown, set: FieldSet, type: ListType): unknown {
  if (!Array.isArray(value)) return null;
  if (value.length === 0 || type.atomic) return null;
  const result: unknown[] = [];
  for (const item of value) {
    const node = set[checkedItemElement(type, item)];
    const inside = hasChildren(node) ? childrenOf(node) : undefined;
    if (isMember(node)) continue;
    result.push(inside === undefined ? item : removeItems(item, inside, type.items));
  }
  return result.length === 0 ? null : result;
}
