/** The directives of strategic merge patches: what they say, and what is carried out in one place. */
import { setKey } from "../schema/go-json.ts";
import { goPrint, has, isObject, type JsonObject } from "./json-value.ts";
import { mergeKeyOf, StrategicMergeError } from "./merge-meaning.ts";

/** The field of a map that says what becomes of it: `replace`, `delete`. */
export const DIRECTIVE = "$patch";
const RETAIN_KEYS = "$retainKeys";
/** Fields that name what goes from a list of scalars: `$deleteFromPrimitiveList/finalizers`. */
export const DELETE_PREFIX = "$deleteFromPrimitiveList";
/** Fields that give a list its order: `$setElementOrder/containers`. */
export const ORDER_PREFIX = "$setElementOrder";

/** What becomes of a map by the directive that it has. @throws StrategicMergeError */
export function applyDirective(patch: JsonObject): JsonObject {
  const { [DIRECTIVE]: directive, ...rest } = patch;
  if (directive === "replace") return rest;
  if (directive === "delete") return {};
  throw unknownPatchType(directive, patch);
}

function unknownPatchType(directive: unknown, patch: JsonObject): StrategicMergeError {
  return new StrategicMergeError(`unknown patch type: ${goPrint(directive)} in map: ${goPrint(patch)}`);
}

/** The value without fields that are null. */
export function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (!isObject(value)) return value;
  const result: JsonObject = {};
  for (const [key, item] of Object.entries(value)) if (item !== null) setKey(result, key, withoutNulls(item));
  return result;
}

/** The value without objects that carry a directive; undefined when it is one itself. */
export function withoutDirectives(value: unknown): unknown {
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

/** The field that a prefixed one is about. @throws StrategicMergeError */
export function keyAfter(name: string, prefix: string): string {
  const slash = name.indexOf("/");
  if (slash >= 0 && name.slice(0, slash) === prefix) return name.slice(slash + 1);
  const what = prefix === DELETE_PREFIX ? "primitive list" : "setElementOrder list";
  throw new StrategicMergeError(`invalid patch format of ${what}`, 400);
}

/** Carries out `$retainKeys`: fields of the result that it does not list go. @throws StrategicMergeError */
export function retainKeys(result: JsonObject, patch: JsonObject): JsonObject {
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

/** Carries out `$patch: delete` and `$patch: replace` of items. */
export function applyItemDirectives(
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

/** Whether an item of a list is there for its directive alone. */
export function hasDirective(item: unknown): boolean {
  return isObject(item) && has(item, DIRECTIVE);
}
