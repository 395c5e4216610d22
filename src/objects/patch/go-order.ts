import type { Kind } from "../kinds.ts";
import { type Field, type Message, messageOfKind } from "../protobuf/messages.ts";
import { setKey } from "../schema/go-json.ts";
import type { AnyObject } from "../types.ts";
import { has, isObject, type JsonObject } from "./json-value.ts";

// The real server patches an object's JSON, in which fields stand as in its Go structs. What a patch reaches into is
// written anew, its keys sorted; all else stays as it was. Only an error that quotes the result shows any of this.

/** An object as the real server encodes it before it patches it: its fields in the order of its Go structs. */
export function inGoOrder(kind: Kind, object: AnyObject): unknown {
  const message = messageOfKind(kind);
  if (message === undefined) return inOrder(undefined, object);
  const { kind: name, apiVersion, ...rest } = object;
  return { kind: name, apiVersion, ...(inOrder(message, rest) as JsonObject) };
}

/** Maps, and what no struct is known for, have their keys sorted. */
function inOrder(message: Message | undefined, value: unknown): unknown {
  if (Array.isArray(value)) return value.map((item) => inOrder(message, item));
  if (!isObject(value)) return value;
  if (message === undefined) return sortedKeys(value, (item) => inOrder(undefined, item));
  const result: JsonObject = {};
  for (const { name, type, shape } of fieldsOf(message)) {
    if (!has(value, name)) continue;
    const item = value[name];
    // A type that is no message is a scalar or raw JSON, which stays as it is.
    const next = typeof type === "string" ? undefined : type;
    if (shape === "map" && isObject(item))
      setKey(
        result,
        name,
        sortedKeys(item, (one) => inOrder(next, one)),
      );
    else setKey(result, name, next === undefined ? item : inOrder(next, item));
  }
  for (const [key, item] of Object.entries(value)) if (!has(result, key)) setKey(result, key, item);
  return result;
}

/** The fields of a message, those of messages that stand inline in their place. */
function fieldsOf({ fields }: Message): Field[] {
  return [...fields.values()].flatMap((field) =>
    field.name === "" && typeof field.type !== "string" ? fieldsOf(field.type) : field,
  );
}

function sortedKeys(object: JsonObject, map: (item: unknown) => unknown): JsonObject {
  const result: JsonObject = {};
  for (const key of Object.keys(object).sort()) setKey(result, key, map(object[key]));
  return result;
}

/** The result of a JSON merge patch in the order in which the real server's library leaves it. */
export function mergedInOrder(document: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return isObject(document) ? patch : pruned(patch);
  if (!isObject(document)) return pruned(patch);
  const result: JsonObject = { ...document };
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key];
    else setKey(result, key, mergedInOrder(has(result, key) ? result[key] : undefined, value));
  }
  return sortedKeys(result, (item) => item);
}

/** What a merge patch adds: without its nulls, its keys sorted. */
function pruned(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(pruned);
  if (!isObject(value)) return value;
  const kept = Object.fromEntries(Object.entries(value).filter(([, item]) => item !== null));
  return sortedKeys(kept, pruned);
}

/** The result of a JSON patch likewise: objects on the way to what its operations name have their keys sorted. */
export function visitedInOrder(document: unknown, paths: readonly string[]): unknown {
  if (!isObject(document)) {
    if (!Array.isArray(document)) return document;
    return document.map((item, index) => visitedInOrder(item, below(paths, String(index))));
  }
  if (paths.length === 0) return document;
  return Object.fromEntries(
    Object.keys(document)
      .sort()
      .map((key) => [key, visitedInOrder(document[key], below(paths, key))]),
  );
}

function below(paths: readonly string[], key: string): string[] {
  const prefix = `/${key.replaceAll("~", "~0").replaceAll("/", "~1")}`;
  return paths.flatMap((path) => (path.startsWith(`${prefix}/`) ? path.slice(prefix.length) : []));
}
