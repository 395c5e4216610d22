/** Lists of type map and set: which items are the same one (apiextensions pkg/apiserver/schema/listtype). */
import { duplicate, type FieldError, invalid } from "../field-errors.ts";
import { childPath, isObject, type JsonObject, keyPath, type Schema, valueSchema } from "./schema.ts";

/** Which stored item an item continues: by its keys in lists of type map, none in other lists. */
export function previousItems(schema: Schema, old: unknown): (item: unknown) => unknown {
  if (!Array.isArray(old) || schema["x-kubernetes-list-type"] !== "map") return () => undefined;
  const byKey = new Map(old.map((item) => [JSON.stringify(keysOf(schema, item)), item]));
  return (item) => byKey.get(JSON.stringify(keysOf(schema, item)));
}

/** Items that a list of type map or set has twice, anywhere in a value; each is told once. */
export function duplicateItems(value: unknown, schema: Schema, path = ""): FieldError[] {
  if (Array.isArray(value)) return inList(value, schema, path);
  if (!isObject(value)) return [];
  const values = valueSchema(schema);
  return Object.entries(value).flatMap(([key, item]) => {
    const property = schema.properties?.[key];
    if (property !== undefined) return duplicateItems(item, property, childPath(path, key));
    return values === undefined ? [] : duplicateItems(item, values, keyPath(path, key));
  });
}

function inList(list: readonly unknown[], schema: Schema, path: string): FieldError[] {
  const { items } = schema;
  return [
    ...ownDuplicates(list, schema, path),
    ...(items === undefined
      ? []
      : list.flatMap((item, index) => duplicateItems(item, items, `${path}[${index}]`))),
  ];
}

function ownDuplicates(list: readonly unknown[], schema: Schema, path: string): FieldError[] {
  const type = schema["x-kubernetes-list-type"];
  if (type === "set") return second(list, path);
  if (type !== "map") return [];
  const wrong = list.findIndex((item) => item !== null && !isObject(item));
  if (wrong < 0) {
    return second(
      list.map((item) => keysOf(schema, item)),
      path,
    );
  }
  return [invalid(`${path}[${wrong}]`, list[wrong], "must be an object for an array of list-type map")];
}

/** The second of equal items; a third is not told. */
function second(items: readonly unknown[], path: string): FieldError[] {
  const seen = new Map<string, number>();
  return items.flatMap((item, index) => {
    const identity = canonical(item);
    const times = (seen.get(identity) ?? 0) + 1;
    seen.set(identity, times);
    return times === 2 ? [duplicate(`${path}[${index}]`, item)] : [];
  });
}

/** JSON whose objects have their fields in order. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_, item: unknown) =>
    isObject(item)
      ? Object.fromEntries(Object.entries(item).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)))
      : item,
  );
}

/** The keys that an item has, by name. */
function keysOf(schema: Schema, item: unknown): JsonObject {
  const keys = [...(schema["x-kubernetes-list-map-keys"] ?? [])].sort();
  const present = keys.filter((key) => isObject(item) && item[key] !== undefined);
  return Object.fromEntries(present.map((key) => [key, (item as JsonObject)[key]]));
}
