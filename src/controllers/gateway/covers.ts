/**
 * Whether an object has all that is desired of it: fields that the desired one lacks may be there (defaults, what others
 * set), lists are as long, and items of lists may have more fields.
 */
export function covers(live: unknown, desired: unknown): boolean {
  if (Array.isArray(desired)) {
    const list = Array.isArray(live) ? live : [];
    return list.length === desired.length && desired.every((item, index) => covers(list[index], item));
  }
  if (typeof desired === "object" && desired !== null) {
    if (typeof live !== "object" || live === null) return Object.keys(desired).length === 0;
    return Object.entries(desired).every(
      ([name, value]) => value === undefined || covers((live as Record<string, unknown>)[name], value),
    );
  }
  return live === desired;
}
