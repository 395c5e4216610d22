import { isObject } from "../patch/json-value.ts";
import { EMPTY, type FieldSet, type MutableFieldSet } from "./field-set.ts";
import { checkedItemElement } from "./list-items.ts";
import { fieldType, type ListType, type MapType, type MergeType, shapeOf } from "./merge-type.ts";
import { fieldElement } from "./path-element.ts";

/**
 * The paths that whoever sends this value owns: its leaves, the items of its lists, the keys of its maps
 * (structured-merge-diff typed/tofieldset.go).
 */
export function toFieldSet(value: unknown, type: MergeType): FieldSet {
  return below(value, type) ?? EMPTY;
}

const SELF = ".";

/** What is below a value; undefined for a leaf, and empty for a value with nothing in it. */
function below(value: unknown, type: MergeType): FieldSet | undefined {
  const shape = shapeOf(type, value);
  if (shape === "map" && type.map !== undefined && !type.map.atomic) return belowMap(value, type.map);
  if (shape === "list" && type.list !== undefined && !type.list.atomic) return belowList(value, type.list);
  return undefined;
}

function belowMap(value: unknown, type: MapType): FieldSet {
  if (!isObject(value)) return EMPTY;
  const result: MutableFieldSet = {};
  for (const name of Object.keys(value)) {
    const item = value[name];
    if (item === undefined) continue;
    const isWhole = item === null || isEmptyObject(item) || !type.fields.has(name);
    put(result, fieldElement(name), isWhole, below(item, fieldType(type, name)));
  }
  return result;
}

/**
 * A step is a member when it is a leaf or marked so; with nothing below it and no mark it is not in the
 * set.
 */
function put(
  result: MutableFieldSet,
  element: string,
  marked: boolean,
  children: FieldSet | undefined,
): void {
  const isLeaf = children === undefined || isEmptyObject(children);
  if (isLeaf) {
    if (marked || children === undefined) result[element] = EMPTY;
  } else result[element] = marked ? { [SELF]: EMPTY, ...children } : children;
}

function isEmptyObject(value: unknown): boolean {
  if (!isObject(value)) return false;
  for (const _ in value) return false;
  return true;
}

function belowList(value: unknown, type: ListType): FieldSet {
  if (!Array.isArray(value)) return EMPTY;
  const elements = value.map((item) => checkedItemElement(type, item));
  const repeated = repeatedOf(elements);
  const result: MutableFieldSet = {};
  for (let i = 0; i < value.length; i++) {
    const element = elements[i] ?? "";
    const children = repeated?.has(element) ? undefined : below(value[i], type.items);
    put(result, element, true, children);
  }
  return result;
}

function repeatedOf(elements: readonly string[]): ReadonlySet<string> | undefined {
  if (new Set(elements).size === elements.length) return undefined;
  return new Set(elements.filter((element, index) => elements.indexOf(element) !== index));
}
