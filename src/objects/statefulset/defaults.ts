import { defaultPodTemplate } from "../defaults/pod.ts";
import type { AnyObject } from "../types.ts";
import type { StatefulSet } from "./types.ts";

/** Defaults of a StatefulSet (pkg/apis/apps/v1/defaults.go). */
export function defaultStatefulSet({ spec }: StatefulSet): void {
  spec.podManagementPolicy ||= "OrderedReady";
  spec.updateStrategy ??= {};
  const strategy = spec.updateStrategy;
  if (!strategy.type) {
    strategy.type = "RollingUpdate";
    strategy.rollingUpdate ??= {};
  }
  if (strategy.type === "RollingUpdate" && strategy.rollingUpdate !== undefined) {
    strategy.rollingUpdate.partition ??= 0;
    strategy.rollingUpdate.maxUnavailable ??= 1;
  }
  spec.persistentVolumeClaimRetentionPolicy ??= {};
  spec.persistentVolumeClaimRetentionPolicy.whenDeleted ||= "Retain";
  spec.persistentVolumeClaimRetentionPolicy.whenScaled ||= "Retain";
  spec.replicas ??= 1;
  spec.revisionHistoryLimit ??= 10;
  defaultPodTemplate(spec.template);
  for (const claim of spec.volumeClaimTemplates ?? []) defaultClaim(claim);
}

function defaultClaim(claim: AnyObject): void {
  claim.apiVersion = "v1";
  claim.kind = "PersistentVolumeClaim";
  claim["spec"] = { ...claim["spec"], volumeMode: claim["spec"]?.volumeMode ?? "Filesystem" };
  claim["status"] = { ...claim["status"], phase: claim["status"]?.phase || "Pending" };
}
