/** An IP family, spelled as in Kubernetes' `spec.ipFamilies`. */
export type Family = "IPv4" | "IPv6";

/** One value per family: a thing exists once and may have a value for each family. */
export type PerFamily<T> = { readonly IPv4?: T; readonly IPv6?: T };

/** Both families, IPv4 first; where the order matters to users, a Service's or cluster's own order counts instead. */
export const FAMILIES: readonly Family[] = ["IPv4", "IPv6"];

/** The other one of the two families. */
export function otherFamily(family: Family): Family {
  return family === "IPv4" ? "IPv6" : "IPv4";
}

/** Number of bits of an address: 32 or 128. */
export function bitsOf(family: Family): number {
  return family === "IPv4" ? 32 : 128;
}

/** The families that have a value, in the given order of preference. */
export function familiesOf<T>(value: PerFamily<T>, order: readonly Family[] = FAMILIES): Family[] {
  return order.filter((family) => value[family] !== undefined);
}

/** Applies a function to the value of each family that has one; a result of undefined leaves the family out. */
export function mapFamilies<T, U>(
  value: PerFamily<T>,
  transform: (item: T, family: Family) => U | undefined,
): PerFamily<U> {
  const result: { IPv4?: U; IPv6?: U } = {};
  for (const family of FAMILIES) {
    const item = value[family];
    if (item === undefined) continue;
    const mapped = transform(item, family);
    if (mapped !== undefined) result[family] = mapped;
  }
  return result;
}

/** Groups addresses (or anything with a family) by family, keeping their order. */
export function groupByFamily<T>(items: Iterable<T>, familyOf: (item: T) => Family): PerFamily<T[]> {
  const result: { IPv4?: T[]; IPv6?: T[] } = {};
  for (const item of items) {
    const family = familyOf(item);
    let group = result[family];
    if (group === undefined) {
      group = [];
      result[family] = group;
    }
    group.push(item);
  }
  return result;
}
