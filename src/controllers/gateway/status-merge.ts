/** Joins the status that we want with the one that an object has: whose part is whose, and since when. Pure. */
import type { Condition } from "../../objects/types.ts";
import { sameValue } from "../runtime/equal.ts";

type Fields = Readonly<Record<string, unknown>>;

/** An entry of status.parents or status.ancestors: one controller's word on one parent. */
interface Entry {
  readonly controllerName: string;
  readonly conditions?: readonly Condition[];
}

/**
 * The status to write, or undefined where the object has it already. Entries of other controllers in `parents` and
 * `ancestors` stay; a condition keeps its `lastTransitionTime` while its status is the same.
 */
export function mergeStatus(
  current: Fields | undefined,
  desired: Fields,
  controllerName: string,
  now: string,
): Fields | undefined {
  const next: Record<string, unknown> = { ...desired };
  for (const list of ["parents", "ancestors"] as const) {
    if (desired[list] !== undefined) {
      next[list] = mergeEntries(entriesOf(current?.[list]), entriesOf(desired[list]), controllerName, now);
    }
  }
  if (desired["conditions"] !== undefined) {
    next["conditions"] = mergeConditions(conditionsOf(current), conditionsOf(desired), now);
  }
  if (desired["listeners"] !== undefined) next["listeners"] = mergeListeners(current, desired, now);
  return sameValue(current, next) ? undefined : next;
}

/** The merge patch that turns one status into another: fields that are to go are null. */
export function statusPatch(current: Fields | undefined, next: Fields): Fields {
  const gone = Object.keys(current ?? {}).filter((name) => !(name in next));
  return { ...next, ...Object.fromEntries(gone.map((name) => [name, null])) };
}

function entriesOf(value: unknown): readonly Entry[] {
  return Array.isArray(value) ? (value as Entry[]) : [];
}

function mergeEntries(
  current: readonly Entry[],
  desired: readonly Entry[],
  controllerName: string,
  now: string,
): Entry[] {
  const others = current.filter((entry) => entry.controllerName !== controllerName);
  const own = current.filter((entry) => entry.controllerName === controllerName);
  const wished = desired.filter((entry) => entry.controllerName === controllerName);
  const merged = wished.map((entry) => {
    const before = own.find((candidate) => sameValue(subjectOf(candidate), subjectOf(entry)));
    return { ...entry, conditions: mergeConditions(before?.conditions ?? [], entry.conditions ?? [], now) };
  });
  return [...others, ...merged];
}

/** What an entry is about: all but its conditions. */
function subjectOf(entry: Entry): Fields {
  const { conditions: _, ...subject } = entry;
  return subject as Fields;
}

function conditionsOf(status: Fields | undefined): readonly Condition[] {
  return (status?.["conditions"] as Condition[] | undefined) ?? [];
}

function mergeConditions(
  current: readonly Condition[],
  desired: readonly Condition[],
  now: string,
): Condition[] {
  const own = desired.map((condition) => {
    const before = current.find(({ type }) => type === condition.type);
    const since = before?.status === condition.status ? before.lastTransitionTime : undefined;
    return { ...condition, lastTransitionTime: since ?? now };
  });
  // conditions of others have a domain before their type
  const others = current.filter(({ type }) => type.includes("/") && !type.startsWith("tandem.dev/"));
  return [...own, ...others];
}

interface Listener {
  readonly name: string;
  readonly conditions?: readonly Condition[];
}

function mergeListeners(current: Fields | undefined, desired: Fields, now: string): Listener[] {
  const before = (current?.["listeners"] as Listener[] | undefined) ?? [];
  return (desired["listeners"] as Listener[]).map((listener) => {
    const known = before.find(({ name }) => name === listener.name)?.conditions ?? [];
    return { ...listener, conditions: mergeConditions(known, listener.conditions ?? [], now) };
  });
}
