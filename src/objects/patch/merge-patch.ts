import { setKey } from "../schema/go-json.ts";
import { has, isObject, type JsonObject } from "./json-value.ts";

/**
 * Applies a JSON merge patch (RFC 7386): null deletes a key, objects merge, all else replaces. As the real server's
 * library does, objects within a list that comes anew lose their nulls, too. The document stays as it is; the result
 * shares with it what the patch does not touch.
 */
export function applyMergePatch(document: unknown, patch: unknown): unknown {
  if (Array.isArray(patch)) {
    return isObject(document) ? patch : patch.map((item: unknown) => applyMergePatch(undefined, item));
  }
  if (!isObject(patch)) return patch;
  const result: JsonObject = isObject(document) ? { ...document } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key];
    else setKey(result, key, applyMergePatch(has(result, key) ? result[key] : undefined, value));
  }
  return result;
}
