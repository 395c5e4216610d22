/**
 * Whether two JSON values mean the same to the API: as equality.Semantic.DeepEqual, an absent field equals
 * null, an empty list and an empty object.
 */
export function sameValue(a: unknown, b: unknown): boolean {
  return canonicalJson(a) === canonicalJson(b);
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
