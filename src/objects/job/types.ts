import type { KubeObject, LabelSelector, PodTemplateSpec } from "../types.ts";

/** A Job (batch/v1): pods that are to end. */
export interface Job extends KubeObject {
  spec: JobSpec;
  status?: JobStatus;
}

/** What a Job is to run, how often, and how long it may take. */
export interface JobSpec {
  parallelism?: number;
  completions?: number;
  completionMode?: string;
  backoffLimit?: number;
  activeDeadlineSeconds?: number;
  ttlSecondsAfterFinished?: number;
  suspend?: boolean;
  /** Made by the server, unless `manualSelector` says that it is there. */
  selector: LabelSelector;
  manualSelector?: boolean;
  podReplacementPolicy?: string;
  /** Another controller than the one that is built in. */
  managedBy?: string;
  template: PodTemplateSpec;
}

/** What is known of a Job's pods. */
export interface JobStatus {
  conditions?: JobCondition[];
  startTime?: string;
  completionTime?: string;
  active?: number;
  ready?: number;
  terminating?: number;
  succeeded?: number;
  failed?: number;
  /** `1,3-5`: the indexes that have ended well, of an Indexed Job. */
  completedIndexes?: string;
  /** Pods that have ended and are about to be counted, by their uids. */
  uncountedTerminatedPods?: { succeeded?: string[]; failed?: string[] };
}

/** How a Job stands: Suspended, SuccessCriteriaMet and FailureTarget on the way, Complete and Failed in the end. */
export interface JobCondition {
  type: string;
  status: string;
  lastProbeTime?: string;
  lastTransitionTime?: string;
  reason?: string;
  message?: string;
}

/** The label with the name of the Job that a pod is of; the older one says the same. */
export const JOB_NAME_LABEL = "batch.kubernetes.io/job-name";
/** The label by which a Job finds its pods. */
export const JOB_UID_LABEL = "batch.kubernetes.io/controller-uid";
/** The same two as they were called before. */
export const LEGACY_JOB_NAME_LABEL = "job-name";
/** {@link JOB_UID_LABEL} as it was called before. */
export const LEGACY_JOB_UID_LABEL = "controller-uid";
