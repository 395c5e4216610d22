import { isObject } from "../patch/json-value.ts";
import { compareText, goQuote } from "./go-text.ts";
import type { ListType } from "./merge-type.ts";
import { keyElement, type PathElement, valueElement } from "./path-element.ts";

/** An item of a list that cannot be told from the others. */
export class ItemError extends Error {}

/**
 * The step to an item of a list whose items are owned each for itself (structured-merge-diff
 * typed/helpers.go).
 * @throws ItemError
 */
export function itemElement(list: ListType, item: unknown): PathElement {
  return list.keys.length > 0 ? keyedElement(list, item) : setElement(item);
}

function keyedElement(list: ListType, item: unknown): PathElement {
  if (item === null || item === undefined) {
    throw new ItemError("associative list with keys may not have a null element");
  }
  if (!isObject(item)) throw new ItemError("associative list with keys may not have non-map elements");
  const keys: [string, unknown][] = [];
  for (const name of list.keys) {
    const own = Object.hasOwn(item, name) ? item[name] : undefined;
    const value = own === undefined ? list.items.map?.fields.get(name)?.default : own;
    if (value !== undefined && value !== null) keys.push([name, value]);
    else if (own === null) keys.push([name, null]);
  }
  if (keys.length === 0) {
    const names = list.keys.map(goQuote).join(" ");
    throw new ItemError(
      `associative list with keys has an element that omits all key fields [${names}] ` +
        "(and doesn't have default values for any key fields)",
    );
  }
  return keyElement(keys.length > 1 ? keys.sort(([a], [b]) => compareText(a, b)) : keys);
}

function setElement(item: unknown): PathElement {
  if (item === null || item === undefined) {
    throw new ItemError("associative list without keys has an element that's an explicit null");
  }
  if (Array.isArray(item)) {
    throw new ItemError("not supported: associative list with lists as elements");
  }
  if (typeof item === "object") {
    throw new ItemError("associative list without keys has an element that's a map type");
  }
  return valueElement(item);
}

/** Stands for an item that cannot be told from the others; never stored. */
const UNKNOWN_ITEM: PathElement = "?:";

/**
 * As {@link itemElement}, but for objects that were checked before: an item can have lost its keys since,
 * because nobody applies them any more.
 */
export function checkedItemElement(list: ListType, item: unknown): PathElement {
  try {
    return itemElement(list, item);
  } catch (error) {
    if (error instanceof ItemError) return UNKNOWN_ITEM;
    throw error;
  }
}

/**
 * The steps to all items of a list, in the order of the list.
 * @throws ItemError
 */
export function itemElements(list: ListType, items: readonly unknown[]): PathElement[] {
  return items.map((item) => itemElement(list, item));
}
