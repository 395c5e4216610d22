import type { Kind } from "../../objects/kinds.ts";

/** Kinds whose PUT creates the object when it is missing (their strategies' AllowCreateOnUpdate). */
const CREATED_BY_UPDATE = new Set(["Service", "Endpoints", "Event", "Lease"]);
/** Kinds whose PUT must name the resourceVersion (their strategies' AllowUnconditionalUpdate is false). */
const CONDITIONAL_UPDATE = new Set(["Lease", "ServiceAccount"]);
/** Kinds whose deletion answers with the object instead of a Status (their stores' ReturnDeletedObject). */
const RETURNED_WHEN_DELETED = new Set(["Pod", "Service", "ServiceAccount"]);

/** Whether PUT creates a missing object. */
export function isCreatedByUpdate(kind: Kind): boolean {
  return CREATED_BY_UPDATE.has(kind.kind);
}

/** Whether PUT without a resourceVersion overwrites what is there. */
export function allowsUnconditionalUpdate(kind: Kind): boolean {
  return !CONDITIONAL_UPDATE.has(kind.kind);
}

/** Whether DELETE answers with the object that it deleted. */
export function isReturnedWhenDeleted(kind: Kind): boolean {
  return RETURNED_WHEN_DELETED.has(kind.kind);
}
