import {
  formatTime,
  type Kind,
  type ManagedKind,
  managedFieldsAfterUpdate,
  managedKind,
} from "../../objects/index.ts";
import type { AnyObject } from "../../objects/types.ts";

/** Who writes, for the records of who owns which field. */
export interface FieldWriter {
  readonly manager: string;
  readonly now: Date;
  readonly subresource?: string | undefined;
}

/** Notes in the next state of an object which fields its writer owns now; `live` is undefined when it is created. */
export function recordOwner(
  kind: Kind,
  live: AnyObject | undefined,
  next: AnyObject,
  writer: FieldWriter,
): void {
  setManagedFields(managedKind(kind), live, next, writer);
}

/** {@link recordOwner} for what is no kind of its own, such as a Scale. */
export function setManagedFields(
  kind: ManagedKind,
  live: AnyObject | undefined,
  next: AnyObject,
  { manager, now, subresource }: FieldWriter,
): void {
  const entries = managedFieldsAfterUpdate(kind, { live, next, manager, subresource, now: formatTime(now) });
  if (entries === undefined) delete next.metadata.managedFields;
  else next.metadata.managedFields = entries;
}
