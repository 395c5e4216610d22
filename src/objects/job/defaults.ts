import { defaultPodTemplate } from "../defaults/pod.ts";
import type { Job } from "./types.ts";

/** Defaults of a Job (pkg/apis/batch/v1/defaults.go); its labels are those of its pods where it has none. */
export function defaultJob({ metadata, spec }: Job): void {
  if (spec.completions === undefined && spec.parallelism === undefined) spec.completions = 1;
  spec.parallelism ??= 1;
  spec.backoffLimit ??= 6;
  const { labels } = spec.template.metadata ?? {};
  if (labels !== undefined && Object.keys(metadata.labels ?? {}).length === 0)
    metadata.labels = { ...labels };
  spec.completionMode ??= "NonIndexed";
  spec.suspend ??= false;
  spec.manualSelector ??= false;
  spec.podReplacementPolicy ??= "TerminatingOrFailed";
  defaultPodTemplate(spec.template);
}
