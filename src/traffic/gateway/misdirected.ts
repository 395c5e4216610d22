/** Hostnames for which an HTTPS listener answers 421, because another listener of its port has them. */
import { ANY_HOST, covers } from "./hostnames.ts";

/**
 * At most so many per listener: with hundreds of listeners on a port each would list all others, and configuration grow
 * with the square. Beyond, the answer is 404, which the API allows (421 is a SHOULD).
 */
const MAX_MISDIRECTED = 256;

/** The hostnames to list, sorted; undefined: none. A port's listener for any hostname stands for all that is not own. */
export function misdirectedNames(own: string, all: ReadonlySet<string>): readonly string[] | undefined {
  const hasAny = own !== ANY_HOST && all.has(ANY_HOST);
  const isOther = (name: string) => name !== own && (!hasAny || name === ANY_HOST || covers(own, name));
  if (!hasAny && all.size > MAX_MISDIRECTED + 1) return undefined;
  if (hasAny && !own.startsWith("*")) return [ANY_HOST];
  const names = [...all].filter(isOther).sort();
  return names.length === 0 || names.length > MAX_MISDIRECTED ? undefined : names;
}
