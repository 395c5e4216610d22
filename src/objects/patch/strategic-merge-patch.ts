import { setKey } from "../schema/go-json.ts";
import type { StructType, WireType } from "../schema/types.ts";
import { normalizeElementOrder, partition, scalarKindOf } from "./element-order.ts";
import { goPrint, goTypeOf, has, isObject, type JsonObject } from "./json-value.ts";

/** A strategic merge patch that makes no sense; `status` is the HTTP code that the server answers with. */
export class StrategicMergeError extends Error {
  readonly status: 400 | 422 | 500;

  constructor(message: string, status: 400 | 422 | 500 = 500) {
    super(message);
    this.status = status;
  }
}

const DIRECTIVE = "$patch";
const RETAIN_KEYS = "$retainKeys";
const DELETE_PREFIX = "$deleteFromPrimitiveList";
const ORDER_PREFIX = "$setElementOrder";

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

function applyDirective(patch: JsonObject): JsonObject {
  const { [DIRECTIVE]: directive, ...rest } = patch;
  if (directive === "replace") return rest;
  if (directive === "delete") return {};
  throw unknownPatchType(directive, patch);
}

function unknownPatchType(directive: unknown, patch: JsonObject): StrategicMergeError {
  return new StrategicMergeError(`unknown patch type: ${goPrint(directive)} in map: ${goPrint(patch)}`);
}

function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (!isObject(value)) return value;
  const result: JsonObject = {};
  for (const [key, item] of Object.entries(value)) if (item !== null) setKey(result, key, withoutNulls(item));
  return result;
}

/** The value without objects that carry a directive; undefined when it is one itself. */
function withoutDirectives(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutDirectives).filter((item) => item !== undefined);
  if (!isObject(value)) return value;
  if (has(value, DIRECTIVE)) return undefined;
  const result: JsonObject = {};
  for (const [key, item] of Object.entries(value)) {
    const clean = withoutDirectives(item);
    if (clean !== undefined) setKey(result, key, clean);
  }
  return result;
}

function keyAfter(name: string, prefix: string): string {
  const slash = name.indexOf("/");
  if (slash >= 0 && name.slice(0, slash) === prefix) return name.slice(slash + 1);
  const what = prefix === DELETE_PREFIX ? "primitive list" : "setElementOrder list";
  throw new StrategicMergeError(`invalid patch format of ${what}`, 400);
}

function retainKeys(result: JsonObject, patch: JsonObject): JsonObject {
  if (!has(patch, RETAIN_KEYS)) return result;
  const keys = patch[RETAIN_KEYS];
  delete patch[RETAIN_KEYS];
  if (!Array.isArray(keys)) throw badRetainKeys();
  const kept = new Set(keys);
  for (const [key, value] of Object.entries(patch)) {
    if (value === null || key.startsWith(DELETE_PREFIX) || key.startsWith(ORDER_PREFIX)) continue;
    if (!kept.has(key)) throw badRetainKeys();
  }
  for (const key of Object.keys(result)) if (!kept.has(key)) delete result[key];
  return result;
}

function badRetainKeys(): StrategicMergeError {
  return new StrategicMergeError("invalid patch format of retainKeys", 400);
}

// -- types: what the schema says of a field ------------------------------------------------------------------------

function fieldType(type: WireType | undefined, key: string): WireType | undefined {
  if (type?.tag === "map") return type.values;
  return type?.tag === "struct" ? lookUp(type, key).type : undefined;
}

function isReplaced(type: WireType | undefined, key: string): boolean {
  return type?.tag === "struct" && lookUp(type, key).isReplaced === true;
}

function lookUp(type: StructType, key: string): StructType["fields"][number] {
  const field = type.byName.get(key);
  if (field !== undefined) return field;
  throw new StrategicMergeError(
    `unable to find api field in struct ${type.struct} for the json field ${JSON.stringify(key)}`,
  );
}

interface ListMeaning {
  readonly merges: boolean;
  readonly key: string;
  readonly items: WireType | undefined;
}

function meaningOf(type: WireType | undefined, name: string): ListMeaning {
  if (type?.tag !== "struct") return { merges: false, key: "", items: undefined };
  const field = lookUp(type, name);
  const strategies = (field.list?.patchStrategy ?? "").split(",");
  const items = field.type.tag === "list" ? field.type.items : undefined;
  return { merges: strategies.includes("merge"), key: field.list?.patchMergeKey ?? "", items };
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
    if (type === "list") throw new StrategicMergeError("lists of lists are not supported", 422);
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

function mergeKeyOf(item: JsonObject, key: string): unknown {
  if (has(item, key)) return item[key];
  throw new StrategicMergeError(`map: ${goPrint(item)} does not contain declared merge key: ${key}`);
}

/** Carries out `$patch: delete` and `$patch: replace` of items. */
function applyItemDirectives(
  original: readonly JsonObject[],
  patch: readonly JsonObject[],
  key: string,
): { kept: readonly JsonObject[]; plain: readonly JsonObject[] } {
  const plain: JsonObject[] = [];
  let kept = original;
  let replace = false;
  for (const item of patch) {
    const directive = has(item, DIRECTIVE) ? item[DIRECTIVE] : undefined;
    if (directive === undefined) plain.push(item);
    else if (directive === "replace") replace = true;
    else if (directive === "delete") {
      const value = mergeKeyOf(item, key);
      kept = kept.filter((candidate) => candidate[key] !== value);
    } else if (directive === "merge") {
      throw new StrategicMergeError("merging lists cannot yet be specified in the patch");
    } else throw unknownPatchType(directive, item);
  }
  return replace ? { kept: plain, plain: [] } : { kept, plain };
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
  while (at < items.length && hasDirective(items[at])) at++;
  if (at >= items.length) return;
  throw new StrategicMergeError(
    `The order in patch list:\n${goPrint(patch)}\n doesn't match $setElementOrder list:\n${goPrint(order)}\n`,
  );
}

function hasDirective(item: unknown): boolean {
  return isObject(item) && has(item, DIRECTIVE);
}

function orderKey(item: unknown, key: string): unknown {
  if (key === "") return item;
  if (isObject(item)) return mergeKeyOf(item, key);
  throw new StrategicMergeError(`expected a map[string]interface {}, but received a ${goTypeOf(item)}`);
}
