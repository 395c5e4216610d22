/** What differs between records, lists and tags, in the form that steps want. */
import { TAG, type Tags } from "../model.ts";
import type { Change, Reference, Step, StepOf } from "../steps.ts";

/** Entries that are not so yet: only keys that are wanted count, so what nobody asked for stays as it is. */
export function missingEntries(
  wanted: Readonly<Record<string, string>>,
  current: Readonly<Record<string, string>>,
): Record<string, string> {
  return Object.fromEntries(Object.entries(wanted).filter(([key, value]) => current[key] !== value));
}

/** The entries as changes for a reader; `prefix` goes before the keys. */
export function entryChanges(
  entries: Readonly<Record<string, string>>,
  current: Readonly<Record<string, string>>,
): Change[] {
  return Object.entries(entries).map(([field, to]) => ({ field, from: current[field] ?? "unset", to }));
}

/** Keys of tags that are written apart from what a Service asks for, and so are never taken away. */
const KEPT_TAGS: readonly string[] = [TAG.created, TAG.capacity, TAG.privateLink, TAG.clusterUid];

/** The step that makes tags so, if any is needed: others' tags go, except AWS's own and those of `external` keys. */
export function tagSteps(
  on: { kind: StepOf<"tag">["kind"]; name: string; target: Reference },
  wanted: Tags,
  current: Tags,
  external: ReadonlySet<string>,
): Step[] {
  const add = missingEntries(wanted, current);
  const remove = Object.keys(current).filter(
    (key) =>
      wanted[key] === undefined && !key.startsWith("aws:") && !KEPT_TAGS.includes(key) && !external.has(key),
  );
  for (const key of external) delete add[key];
  if (Object.keys(add).length === 0 && remove.length === 0) return [];
  return [{ do: "tag", ...on, add, remove }];
}

/** Whether two lists have the same elements, whatever their order. */
export function sameSet(a: readonly string[], b: readonly string[]): boolean {
  const set = new Set(a);
  return set.size === new Set(b).size && b.every((element) => set.has(element));
}
