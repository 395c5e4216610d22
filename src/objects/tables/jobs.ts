import { hasCondition } from "../conditions.ts";
import type { Job } from "../job/types.ts";
import { formatLabelSelector } from "../selectors/label-selector.ts";
import { humanDuration } from "../time.ts";
import { ABOUT } from "./about.ts";
import { AGE, ageOf, column, type Layout, NAME, wide } from "./table.ts";
import { CONTAINERS, containersAndImages, IMAGES } from "./workloads.ts";

/** Rows of Jobs. */
export const JOBS: Layout<Job> = {
  columns: [
    NAME,
    column("Status", "Status of the job."),
    column("Completions", ABOUT.succeededPods),
    column("Duration", "Time required to complete the job."),
    AGE,
    CONTAINERS,
    IMAGES,
    wide("Selector", ABOUT.jobSelector),
  ],
  cells: (job, now) => [
    job.metadata.name,
    statusOf(job),
    completionsOf(job),
    durationOf(job, now),
    ageOf(job, now),
    ...containersAndImages(job.spec.template),
    formatLabelSelector(job.spec.selector),
  ],
};

function statusOf(job: Job): string {
  const has = (type: string): boolean => hasCondition(job, type);
  if (has("Complete")) return "Complete";
  if (has("Failed")) return "Failed";
  if (job.metadata.deletionTimestamp !== undefined) return "Terminating";
  return ["Suspended", "FailureTarget", "SuccessCriteriaMet"].find(has) ?? "Running";
}

function completionsOf({ spec, status }: Job): string {
  const { completions, parallelism = 0 } = spec;
  const succeeded = status?.succeeded ?? 0;
  if (completions !== undefined) return `${succeeded}/${completions}`;
  return parallelism > 1 ? `${succeeded}/1 of ${parallelism}` : `${succeeded}/1`;
}

function durationOf({ status }: Job, now: Date): string {
  if (status?.startTime === undefined) return "";
  const end = status.completionTime === undefined ? now.getTime() : Date.parse(status.completionTime);
  return humanDuration(end - Date.parse(status.startTime));
}
