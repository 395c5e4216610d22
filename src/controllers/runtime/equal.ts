/**
 * Whether two JSON values mean the same to the API: as equality.Semantic.DeepEqual, an absent field equals
 * null, an empty list and an empty object.
 */
export function sameValue(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (isNothing(a) || isNothing(b)) return isNothing(a) && isNothing(b);
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (Array.isArray(a) || Array.isArray(b)) return sameList(a, b);
  for (const key in a) if (!sameValue(field(a, key), field(b, key))) return false;
  for (const key in b) if (!(key in a) && !isNothing(field(b, key))) return false;
  return true;
}

function sameList(a: unknown, b: unknown): boolean {
  if (!Array.isArray(a) || !Array.isArray(b) || a.length !== b.length) return false;
  return a.every((item, index) => sameValue(item, b[index]));
}

/** Absent, null, or a list or an object with nothing in it. */
function isNothing(value: unknown): boolean {
  if (value === undefined || value === null) return true;
  if (typeof value !== "object") return false;
  if (Array.isArray(value)) return value.length === 0;
  for (const key in value) if (!isNothing(field(value, key))) return false;
  return true;
}

function field(object: object, key: string): unknown {
  return (object as Record<string, unknown>)[key];
}

/** A text that is the same for all values that mean the same: keys sorted, empty values left out. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(canonical(value)) ?? "";
}

function canonical(value: unknown): unknown {
  if (Array.isArray(value))
    return value.length === 0 ? undefined : value.map((item) => canonical(item) ?? null);
  if (typeof value !== "object" || value === null) return value ?? undefined;
  const fields: Record<string, unknown> = {};
  for (const key of Object.keys(value).sort()) {
    const field = canonical((value as Record<string, unknown>)[key]);
    if (field !== undefined) fields[key] = field;
  }
  return Object.keys(fields).length === 0 ? undefined : fields;
}

/** A status without its counts of 0, which some are stored and some are not. */
export function withoutZeros(status: object = {}): object {
  return Object.fromEntries(Object.entries(status).filter(([, value]) => value !== 0));
}
