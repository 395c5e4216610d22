/** How a listener with a matcher finds its filter chains, in words. Pure. */
import type { JsonObject, JsonValue } from "../proto/index.ts";
import { objectOr, objectsIn } from "./dump.ts";

/** By the names of chains, what leads to them: `Addr: 10.96.0.5,[fd00::5]`; empty: all else. */
export function chainMatches(listener: JsonObject): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  inMatcher(objectOr(listener["filter_chain_matcher"]), "", found);
  return found;
}

type Found = Map<string, string>;

function inMatcher(matcher: JsonObject, words: string, found: Found): void {
  const tree = objectOr(matcher["matcher_tree"]);
  const exact = Object.entries(objectOr(objectOr(tree["exact_match_map"])["map"]));
  for (const [onMatch, keys] of alike(exact))
    onMatched(onMatch, `${words} App: ${keys.toSorted().join(",")}`, found);
  const custom = objectOr(objectOr(tree["custom_match"])["typed_config"]);
  for (const one of objectsIn(custom["range_matchers"])) {
    const ranges = objectsIn(one["ranges"]).map(rangeText);
    onMatched(objectOr(one["on_match"]), `${words} Addr: ${ranges.join(",")}`, found);
  }
  onMatched(objectOr(matcher["on_no_match"]), words, found);
}

/** What leads to the same is told once: HTTP has several names. */
function alike(entries: readonly (readonly [string, JsonValue])[]): [JsonObject, string[]][] {
  const groups = new Map<string, [JsonObject, string[]]>();
  for (const [key, onMatch] of entries) {
    const text = JSON.stringify(onMatch);
    const keys = groups.get(text)?.[1] ?? [];
    keys.push(key.replaceAll("'", ""));
    groups.set(text, [objectOr(onMatch), keys]);
  }
  return [...groups.values()];
}

function onMatched(onMatch: JsonObject, words: string, found: Found): void {
  if (onMatch["matcher"] !== undefined) inMatcher(objectOr(onMatch["matcher"]), words, found);
  const name = objectOr(objectOr(onMatch["action"])["typed_config"])["value"];
  if (name === undefined) return;
  const before = found.get(String(name));
  found.set(String(name), before === undefined ? words.trim() : `${before} or ${words.trim()}`);
}

function rangeText({ address_prefix: address, prefix_len: length }: JsonObject): string {
  const host = String(address);
  const isSix = host.includes(":");
  if (Number(length ?? 0) < (isSix ? 128 : 32)) return `${host}/${Number(length ?? 0)}`;
  return isSix ? `[${host}]` : host;
}
