import { formatTime } from "../../objects/time.ts";
import { CLEANUP_FINALIZER, type Definition, setCondition } from "../../objects/crd/index.ts";
import type { AnyObject } from "../../objects/types.ts";

/** Prepares a definition for its deletion: its objects go first (apiextensions registry/customresourcedefinition/etcd.go). */
export function holdForCleanup(object: AnyObject, now: Date): void {
  const { metadata } = object;
  if (metadata.deletionTimestamp !== undefined) return;
  const finalizers = metadata.finalizers ?? [];
  if (!finalizers.includes(CLEANUP_FINALIZER)) metadata.finalizers = [...finalizers, CLEANUP_FINALIZER];
  setCondition(
    object as unknown as Definition,
    {
      type: "Terminating",
      status: "True",
      reason: "InstanceDeletionPending",
      message: "CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon",
    },
    formatTime(now),
  );
}
