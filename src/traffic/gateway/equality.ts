/** Structural equality of plain data, and how parts that did not change keep their identity. */

/** Whether two plain values (JSON, Maps of it) are equal; a field with the value undefined counts as absent. */
export function equal(one: unknown, other: unknown): boolean {
  if (one === other) return true;
  if (typeof one !== "object" || typeof other !== "object" || one === null || other === null) return false;
  if (Array.isArray(one) || Array.isArray(other)) return equalArrays(one, other);
  if (one instanceof Map || other instanceof Map) return equalMaps(one, other);
  for (const key in one) if (!equal(field(one, key), field(other, key))) return false;
  for (const key in other) if (field(one, key) === undefined && field(other, key) !== undefined) return false;
  return true;
}

function equalArrays(one: unknown, other: unknown): boolean {
  if (!Array.isArray(one) || !Array.isArray(other) || one.length !== other.length) return false;
  return one.every((item, index) => equal(item, other[index]));
}

function equalMaps(one: unknown, other: unknown): boolean {
  if (!(one instanceof Map) || !(other instanceof Map) || one.size !== other.size) return false;
  for (const [key, value] of one) if (!other.has(key) || !equal(value, other.get(key))) return false;
  return true;
}

function field(object: object, key: string): unknown {
  return (object as Record<string, unknown>)[key];
}

/** The old value where the new one is equal to it, so that whoever compares by identity sees no change. */
export function keep<T>(before: T | undefined, next: T): T {
  return before !== undefined && equal(before, next) ? before : next;
}

/** A list whose items keep their identity where an equal one of the same key was there; the list itself as well. */
export function keepItems<T>(
  before: readonly T[] | undefined,
  next: readonly T[],
  keyOf: (item: T) => string,
): readonly T[] {
  if (before === undefined) return next;
  if (before.length === next.length && next.every((item, index) => item === before[index])) return before;
  const old = new Map(before.map((item) => [keyOf(item), item]));
  const items = next.map((item) => keep(old.get(keyOf(item)), item));
  return items.length === before.length && items.every((item, index) => item === before[index])
    ? before
    : items;
}

/** The same for a Map. */
export function keepEntries<T>(
  before: ReadonlyMap<string, T> | undefined,
  next: ReadonlyMap<string, T>,
): ReadonlyMap<string, T> {
  if (before === undefined) return next;
  const entries = new Map<string, T>();
  let changed = before.size !== next.size;
  for (const [key, value] of next) {
    const kept = keep(before.get(key), value);
    changed ||= kept !== before.get(key);
    entries.set(key, kept);
  }
  return changed ? entries : before;
}

/** Whether two statuses say the same: servers may leave out what is empty. */
export function sameStatus(one: unknown, other: unknown): boolean {
  if (one === other) return true;
  if (one === undefined || other === undefined) return false;
  return sameButEmpty(one, other);
}

function sameButEmpty(one: unknown, other: unknown): boolean {
  if (one === other) return true;
  if (isEmpty(one) || isEmpty(other)) return isEmpty(one) && isEmpty(other);
  if (typeof one !== "object" || typeof other !== "object" || one === null || other === null) return false;
  if (Array.isArray(one) || Array.isArray(other)) {
    if (!Array.isArray(one) || !Array.isArray(other) || one.length !== other.length) return false;
    return one.every((item, index) => sameButEmpty(item, other[index]));
  }
  for (const key in one) if (!sameButEmpty(field(one, key), field(other, key))) return false;
  for (const key in other) if (!(key in one) && !isEmpty(field(other, key))) return false;
  return true;
}

/** Absent, or a list or an object with nothing in it. */
function isEmpty(value: unknown): boolean {
  if (typeof value !== "object") return value === undefined;
  if (value === null) return false;
  if (Array.isArray(value)) return value.length === 0;
  for (const key in value) if (!isEmpty(field(value, key))) return false;
  return true;
}
