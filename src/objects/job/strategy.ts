import { COMMON } from "../strategy/core.ts";
import type { KindRules } from "../strategy/rules.ts";
import { specAndStatus } from "../strategy/spec-and-status.ts";
import { defaultJob } from "./defaults.ts";
import {
  JOB_NAME_LABEL,
  JOB_UID_LABEL,
  type Job,
  LEGACY_JOB_NAME_LABEL,
  LEGACY_JOB_UID_LABEL,
} from "./types.ts";
import { jobWarnings, validateJob, validateJobStatus, validateJobUpdate } from "./validate.ts";

const SPEC_AND_STATUS = specAndStatus<Job>(() => ({}));

/** pkg/registry/batch/job/strategy.go */
export const JOB: KindRules<Job> = {
  ...COMMON,
  ...SPEC_AND_STATUS,
  default: defaultJob,
  prepareForCreate(job) {
    if (job.spec.manualSelector !== true) makeSelector(job);
    SPEC_AND_STATUS.prepareForCreate(job);
    // what is stored is read with its defaults: a Job without labels has those that its pods got just now
    defaultJob(job);
  },
  validate: validateJob,
  validateUpdate: validateJobUpdate,
  validateStatus: validateJobStatus,
  warnings: jobWarnings,
};

/** Gives the pods labels that no other Job's have, and selects them; a label that is there already is checked later. */
function makeSelector({ metadata, spec }: Job): void {
  const { name, uid = "" } = metadata;
  spec.template.metadata ??= {};
  spec.template.metadata.labels ??= {};
  const { labels } = spec.template.metadata;
  if (labels[LEGACY_JOB_NAME_LABEL] === undefined) {
    Object.assign(labels, { [LEGACY_JOB_NAME_LABEL]: name, [JOB_NAME_LABEL]: name });
  }
  if (labels[LEGACY_JOB_UID_LABEL] === undefined) {
    Object.assign(labels, { [LEGACY_JOB_UID_LABEL]: uid, [JOB_UID_LABEL]: uid });
  }
  spec.selector ??= {};
  spec.selector.matchLabels ??= {};
  spec.selector.matchLabels[JOB_UID_LABEL] ??= uid;
}
