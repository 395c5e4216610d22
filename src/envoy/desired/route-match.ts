/** Which requests a rule is for. */
import type { RouteMatch, ValueMatch } from "../../traffic/gateway/model.ts";
import type { JsonObject } from "../proto/index.ts";
import { prefixMatch } from "./paths.ts";

/** A rule's match as Envoy's RouteMatch. */
export function routeMatch(match: RouteMatch): JsonObject {
  const headers = [
    ...(match.method === undefined ? [] : [{ name: ":method", string_match: { exact: match.method } }]),
    ...(match.headers ?? []).map(valueMatch),
  ];
  return {
    ...pathMatch(match.path),
    ...(headers.length > 0 && { headers }),
    ...(match.query?.length && { query_parameters: match.query.map(valueMatch) }),
    ...(match.grpc && { grpc: {} }),
  };
}

function pathMatch(path: RouteMatch["path"]): JsonObject {
  if (path === undefined) return { prefix: "/" };
  if (path.kind === "prefix") return prefixMatch(path.value);
  return path.kind === "exact" ? { path: path.value } : { safe_regex: { regex: path.value } };
}

/** Headers that come several times are joined by commas before they are compared. */
function valueMatch({ name, kind, value }: ValueMatch): JsonObject {
  if (kind === "regex") return { name, string_match: { safe_regex: { regex: value } } };
  // An empty exact text means "unset" to Envoy's validation.
  return { name, string_match: value === "" ? { safe_regex: { regex: "^$" } } : { exact: value } };
}

/**
 * Whether Envoy (RE2) takes the regular expressions of a match; one that it does not take would have the whole table
 * refused. Told apart here: look-around, back references, repetitions above 1000, and what is not balanced.
 */
export function isMatchable(match: RouteMatch): boolean {
  const values = [match.path, ...(match.headers ?? []), ...(match.query ?? [])];
  return values.every((value) => value?.kind !== "regex" || isRe2(value.value));
}

/** Escapes and groups of RE2 that JavaScript lacks, as something that it has. */
const ONLY_RE2: readonly (readonly [RegExp, string])[] = [
  [/\(\?P</g, "(?<"],
  [/\(\?[imsU-]+:/g, "(?:"],
  [/\(\?[imsU-]+\)/g, ""],
  [/\[\[:\^?[a-z]+:\]/g, "[a"],
  [/\[:\^?[a-z]+:\]/g, "a"],
  [/\\[AzaQEC]/g, ""],
  [/\\p\{?[A-Za-z^_]+\}?/gi, "a"],
];

function isRe2(regex: string): boolean {
  const plain = regex.replaceAll("\\\\", "");
  if (/\(\?(<?[=!]|>)|\\[1-9k]|[+*?}][+]/.test(plain)) return false;
  for (const [, most] of plain.matchAll(/\{(?:\d+,)?(\d+),?\}/g)) if (Number(most) > 1000) return false;
  let known = regex;
  for (const [theirs, ours] of ONLY_RE2) known = known.replace(theirs, ours);
  try {
    new RegExp(known);
    return true;
  } catch {
    return false;
  }
}
