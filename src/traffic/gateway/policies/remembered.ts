/** Results that are handed out again while the same is asked for, so that parts can be compared by identity. */

/** A part of a Gateway is asked for by a few listeners; older answers are of policies that are gone. */
const MOST = 64;

const answers = new WeakMap<object, Map<string, object>>();

/** The result made before for the same object and id, or a new one. */
export function remembered<T extends object>(of: T, id: string, make: () => T): T {
  const known = answers.get(of) ?? new Map<string, object>();
  answers.set(of, known);
  const before = known.get(id) as T | undefined;
  if (before !== undefined) return before;
  const result = make();
  known.set(id, result);
  const [first] = known.keys();
  if (known.size > MOST && first !== undefined) known.delete(first);
  return result;
}
