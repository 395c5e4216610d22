import { isObject, sameJson } from "../patch/json-value.ts";
import type { AnyObject } from "../types.ts";
import { withoutManagedFields } from "./update.ts";

/**
 * Takes back new times of managers in `next`, which belongs to the caller, when nothing else differs from
 * the stored object: a write without effect is then no write (apiserver handlers/fieldmanager/equality.go).
 * To be called once `next` is prepared for the store.
 */
export function keepTimesIfUnchanged(next: AnyObject, stored: AnyObject): void {
  const after = next.metadata.managedFields;
  const before = stored.metadata.managedFields;
  if (after === undefined || before === undefined || after.length !== before.length) return;
  if (!after.every((entry, index) => sameButTime(entry, before[index]))) return;
  if (!sameJson(withoutManagedFields(next), withoutManagedFields(stored))) return;
  next.metadata.managedFields = before;
}

function sameButTime(a: unknown, b: unknown): boolean {
  if (!isObject(a) || !isObject(b)) return false;
  return sameJson({ ...a, time: undefined }, { ...b, time: undefined });
}
