const MOST_SHARED = 10_000;

/**
 * Gives equal values (JSON) the first one of them: what very many objects have alike is kept once. Values must never
 * be changed. Remembers 10,000 different ones; further ones stay as they are.
 */
export function createSharer(): <T>(value: T) => T {
  const known = new Map<string, unknown>();
  return (value) => {
    const key = JSON.stringify(value);
    if (key === undefined) return value;
    const first = known.get(key);
    if (first !== undefined) return first as typeof value;
    if (known.size < MOST_SHARED) known.set(key, value);
    return value;
  };
}
