import type { Kind } from "../../objects/kinds.ts";

/** Kinds whose deletion answers with the object instead of a Status (their stores' ReturnDeletedObject). */
const RETURNED_WHEN_DELETED = new Set(["Pod", "Service", "ServiceAccount"]);

/** Whether DELETE answers with the object that it deleted. */
export function isReturnedWhenDeleted(kind: Kind): boolean {
  return RETURNED_WHEN_DELETED.has(kind.kind);
}
