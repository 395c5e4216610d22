import { setKey } from "../schema/go-json.ts";
import type { StructType, WireType } from "../schema/types.ts";
import { normalizeElementOrder, partition, scalarKindOf } from "./element-order.ts";
import {
  applyDirective,
  applyItemDirectives,
  DELETE_PREFIX,
  DIRECTIVE,
  hasDirective,
  keyAfter,
  ORDER_PREFIX,
  retainKeys,
  withoutDirectives,
  withoutNulls,
} from "./directives.ts";
import { goPrint, goTypeOf, has, isObject, type JsonObject } from "./json-value.ts";
import {
  fieldType,
  isReplaced,
  type ListMeaning,
  meaningOf,
  mergeKeyOf,
  StrategicMergeError,
} from "./merge-meaning.ts";

/**
 * Applies a strategic merge patch with the merge keys of a type (apimachinery util/strategicpatch): lists with a merge
 * key merge by it, and the directives $patch, $retainKeys, $setElementOrder/… and $deleteFromPrimitiveList/… count.
 * The document stays as it is; the result shares with it what the patch does not touch.
 * @throws StrategicMergeError
 */
export function applyStrategicMergePatch(
  type: StructType,
  document: JsonObject,
  patch: JsonObject,
): JsonObject {
  return mergeMap(document, { ...patch }, type);
}

/** Merges `patch`, a copy that this function may change, into a copy of `original`. */
function mergeMap(
  original: JsonObject | undefined,
  patch: JsonObject,
  type: WireType | undefined,
): JsonObject {
  if (has(patch, DIRECTIVE)) return applyDirective(patch);
  const result = retainKeys({ ...original }, patch);
  applyElementOrders(result, patch, type);
  for (const [name, value] of Object.entries(patch)) {
    const deletes = name.startsWith(DELETE_PREFIX);
    const key = deletes ? keyAfter(name, DELETE_PREFIX) : name;
    mergeKey(result, key, value, deletes, type);
  }
  return result;
}

function mergeKey(
  result: JsonObject,
  key: string,
  value: unknown,
  deletes: boolean,
  type: WireType | undefined,
): void {
  if (value === null) {
    delete result[key];
    return;
  }
  const current = result[key];
  const bothMaps = isObject(current) && isObject(value);
  const bothLists = Array.isArray(current) && Array.isArray(value);
  if (!has(result, key) || !(bothMaps || bothLists)) {
    if (!deletes || (has(result, key) && goTypeOf(current) === goTypeOf(value)))
      takeFromPatch(result, key, value);
    return;
  }
  if (bothMaps && isReplaced(type, key)) setKey(result, key, value);
  else if (bothMaps) setKey(result, key, mergeMap(current, { ...value }, fieldType(type, key)));
  else if (bothLists) setKey(result, key, mergeList(current, value, type, key, deletes));
}

/** A value that the document does not have, or has with another type, is taken without its nulls and directives. */
function takeFromPatch(result: JsonObject, key: string, value: unknown): void {
  const clean = withoutDirectives(withoutNulls(value));
  if (clean === undefined) delete result[key];
  else setKey(result, key, clean);
}

// -- lists ---------------------------------------------------------------------------------------------------------

function mergeList(
  original: readonly unknown[],
  patch: readonly unknown[],
  owner: WireType | undefined,
  name: string,
  deletes: boolean,
): unknown[] {
  const meaning = meaningOf(owner, name);
  if (!meaning.merges && !deletes) return [...patch];
  if (original.length === 0 && patch.length === 0) return [];
  if (elementKind(original, patch) === "map")
    return mergeMaps(original as JsonObject[], patch as JsonObject[], meaning);
  if (deletes) return original.filter((item) => !patch.includes(item));
  const merged = [...new Set([...original, ...patch])];
  const [fromPatch, others] = partition(merged, patch, "");
  return normalizeElementOrder(fromPatch, others, patch, original, "");
}

/** What the elements of two lists are; all must be of one type, and no lists. */
function elementKind(...lists: readonly (readonly unknown[])[]): "map" | "scalar" {
  let first: string | undefined;
  for (const item of lists.flat()) {
    const type = scalarKindOf(item);
    if (first === undefined && type === "list") {
      throw new StrategicMergeError("lists of lists are not supported", 422);
    }
    first ??= type;
    if (type !== first) {
      throw new StrategicMergeError(`list element types are not identical: ${goPrint(lists)}`);
    }
  }
  if (first === undefined) throw new StrategicMergeError("no elements in any of the given slices");
  return first === "map" ? "map" : "scalar";
}

function mergeMaps(
  original: readonly JsonObject[],
  patch: readonly JsonObject[],
  { key, items }: ListMeaning,
): unknown[] {
  if (key === "")
    throw new StrategicMergeError(`cannot merge lists without merge key for ${items?.name ?? ""}`);
  const { kept, plain } = applyItemDirectives(original, patch, key);
  const merged = [...kept];
  for (const item of plain) {
    const value = mergeKeyOf(item, key);
    const at = merged.findIndex((candidate) => has(candidate, key) && candidate[key] === value);
    if (at >= 0) merged[at] = mergeMap(merged[at], { ...item }, items);
    else merged.push(item);
  }
  const [fromPatch, others] = partition(merged, plain, key);
  return normalizeElementOrder(fromPatch, others, plain, kept, key);
}

// -- $setElementOrder ----------------------------------------------------------------------------------------------

/** Carries out $setElementOrder with the list that it orders, and takes both out of the patch. */
function applyElementOrders(result: JsonObject, patch: JsonObject, type: WireType | undefined): void {
  for (const name of Object.keys(patch)) {
    if (!name.startsWith(ORDER_PREFIX)) continue;
    const order = asList(patch[name]);
    delete patch[name];
    const key = keyAfter(name, ORDER_PREFIX);
    const current = has(result, key) ? asList(result[key]) : undefined;
    const patched = has(patch, key) ? asList(patch[key]) : undefined;
    const meaning = meaningOf(type, key);
    checkOrder(patched ?? [], order, meaning.key);
    if (current === undefined && patched === undefined) continue;
    const merged = mergedForOrder(current, patched, type, key);
    elementKind(current ?? [], patched ?? []);
    const [ordered, others] = partition(merged, order, meaning.key);
    setKey(result, key, normalizeElementOrder(ordered, others, order, current ?? [], meaning.key));
    delete patch[key];
  }
}

function mergedForOrder(
  current: readonly unknown[] | undefined,
  patched: readonly unknown[] | undefined,
  type: WireType | undefined,
  key: string,
): readonly unknown[] {
  if (patched === undefined) return current ?? [];
  if (current === undefined) return withoutDirectives(patched) as unknown[];
  return mergeList(current, patched, type, key, false);
}

function asList(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw new StrategicMergeError(`expected a []interface {}, but received a ${goTypeOf(value)}`);
}

/** The patch's items must stand in the order list, in its order; deleted ones need not. */
function checkOrder(patch: readonly unknown[], order: readonly unknown[], key: string): void {
  if (patch.length === 0 || order.length === 0) return;
  const items = key === "" ? patch : patch.filter((item) => !isObject(item) || item[DIRECTIVE] !== "delete");
  let at = 0;
  for (const wanted of order) {
    while (at < items.length && hasDirective(items[at])) at++;
    if (at >= items.length) return;
    if (orderKey(items[at], key) === orderKey(wanted, key)) at++;
  }
  if (at >= items.length) return;
  throw new StrategicMergeError(
    `The order in patch list:\n${goPrint(patch)}\n doesn't match $setElementOrder list:\n${goPrint(order)}\n`,
  );
}

function orderKey(item: unknown, key: string): unknown {
  if (key === "") return item;
  if (isObject(item)) return mergeKeyOf(item, key);
  throw new StrategicMergeError(`expected a map[string]interface {}, but received a ${goTypeOf(item)}`);
}
