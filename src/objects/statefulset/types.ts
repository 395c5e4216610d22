import type { AnyObject, Condition, KubeObject, LabelSelector, PodTemplateSpec } from "../types.ts";

/** A StatefulSet (apps/v1): pods with names, and with a network identity each, that stay. */
export interface StatefulSet extends KubeObject {
  spec: {
    replicas?: number;
    selector: LabelSelector;
    template: PodTemplateSpec;
    /** The headless Service that the pods have their names in. */
    serviceName?: string;
    podManagementPolicy?: string;
    updateStrategy?: StatefulSetUpdateStrategy;
    /** The number of the first pod. */
    ordinals?: { start?: number };
    minReadySeconds?: number;
    revisionHistoryLimit?: number;
    persistentVolumeClaimRetentionPolicy?: { whenDeleted?: string; whenScaled?: string };
    /** PersistentVolumeClaims, of which every pod would have one of its own each. */
    volumeClaimTemplates?: AnyObject[];
  };
  status?: StatefulSetStatus;
}

/** How the pods of a StatefulSet get a new template. */
export interface StatefulSetUpdateStrategy {
  type?: string;
  rollingUpdate?: { partition?: number; maxUnavailable?: number | string };
}

/** What is known of a StatefulSet's pods. */
export interface StatefulSetStatus {
  observedGeneration?: number;
  replicas: number;
  readyReplicas?: number;
  availableReplicas?: number;
  currentReplicas?: number;
  updatedReplicas?: number;
  /** The names of ControllerRevisions: of the pods below a partition, and of the present template. */
  currentRevision?: string;
  updateRevision?: string;
  collisionCount?: number;
  conditions?: Condition[];
}

/** A template as it was once (apps/v1), as a strategic merge patch of its owner; `revision` counts up. */
export interface ControllerRevision extends KubeObject {
  data?: { spec?: { template?: PodTemplateSpec & { $patch?: string } } };
  revision: number;
}
