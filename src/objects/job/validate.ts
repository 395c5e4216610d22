import { type FieldError, forbidden, invalid, notSupported, required } from "../field-errors.ts";
import { immutable } from "../metadata/validate-metadata.ts";
import { matchesLabelSelector } from "../selectors/label-selector.ts";
import { dnsLabelProblems } from "../service/formats.ts";
import type { PodTemplateSpec } from "../types.ts";
import { notNegative } from "../validation/int-or-percent.ts";
import { validatePodSpec } from "../validation/pod.ts";
import { validateLabelSelector } from "../validation/selectors.ts";
import { validateMetadataOfTemplate } from "../validation/template-metadata.ts";
import {
  JOB_NAME_LABEL,
  JOB_UID_LABEL,
  type Job,
  type JobSpec,
  LEGACY_JOB_NAME_LABEL,
  LEGACY_JOB_UID_LABEL,
} from "./types.ts";

// Checks of Jobs (pkg/apis/batch/validation/validation.go).

const MODES = ["Indexed", "NonIndexed"];
const REPLACEMENTS = ["Failed", "TerminatingOrFailed"];
const RESTART_POLICIES = ["OnFailure", "Never"];
const NUMBERS = [
  "parallelism",
  "completions",
  "activeDeadlineSeconds",
  "backoffLimit",
  "ttlSecondsAfterFinished",
] as const;
/** So many pods an Indexed Job may run at once. */
const MAX_INDEXED = 100_000;
/** Fields that the controllers here do not heed: a Job that counts on them is refused rather than run otherwise. */
const NOT_SERVED = ["podFailurePolicy", "successPolicy", "backoffLimitPerIndex", "maxFailedIndexes"];

/** Checks a Job to be created. */
export function validateJob(job: Job): FieldError[] {
  return [...checkGenerated(job), ...checkSpec(job.spec), ...checkIndexedName(job)];
}

/** Checks a change of a Job: what its pods are made from stays, but for where they run while it is suspended. */
export function validateJobUpdate(next: Job, stored: Job): FieldError[] {
  const { spec } = next;
  return [
    ...checkSpec(spec),
    ...completionsStay(spec, stored.spec),
    ...immutable("spec.selector", spec.selector, stored.spec.selector),
    ...immutable("spec.template", spec.template, comparable(next, stored)),
    ...immutable("spec.completionMode", spec.completionMode, stored.spec.completionMode),
    ...immutable("spec.managedBy", spec.managedBy, stored.spec.managedBy),
  ];
}

/** The stored template, with what may change of it as it is to be (KEP-2926, mutable scheduling directives). */
function comparable(next: Job, stored: Job): PodTemplateSpec {
  const { template } = stored.spec;
  if (stored.spec.suspend !== true || stored.status?.startTime !== undefined) return template;
  const { metadata, spec } = next.spec.template;
  const places = ["nodeSelector", "affinity", "tolerations", "schedulingGates"] as const;
  const moved: Record<string, unknown> = { ...template.spec };
  for (const place of places) {
    const value = (spec as unknown as Record<string, unknown>)[place];
    if (value === undefined) delete moved[place];
    else moved[place] = value;
  }
  return { ...template, metadata: metadata ?? {}, spec: moved as unknown as PodTemplateSpec["spec"] };
}

function completionsStay(next: JobSpec, stored: JobSpec): FieldError[] {
  if (next.completions === stored.completions) return [];
  if (next.completionMode !== "Indexed") {
    return immutable("spec.completions", next.completions, stored.completions);
  }
  if (next.completions === undefined) {
    return [required("spec.completions", "when completion mode is Indexed")];
  }
  if (next.completions === next.parallelism) return [];
  return [
    invalid("spec.completions", next.completions, "can only be modified in tandem with spec.parallelism"),
  ];
}

/** Labels that were there already have to be those that would have been made. */
function checkGenerated({ metadata, spec }: Job): FieldError[] {
  if (spec.manualSelector === true || spec.selector === undefined) return [];
  const { name, uid = "" } = metadata;
  const labels = spec.template.metadata?.labels ?? {};
  const expected = {
    [LEGACY_JOB_UID_LABEL]: uid,
    [LEGACY_JOB_NAME_LABEL]: name,
    [JOB_UID_LABEL]: uid,
    [JOB_NAME_LABEL]: name,
  };
  const errors = Object.entries(expected).flatMap(([key, value]) => {
    const field = `spec.template.metadata.labels[${key}]`;
    if (labels[key] === undefined) return [required(field, `must be '${value}'`)];
    if (labels[key] === value) return [];
    return [invalid(field, labels, `must be '${value}'`)];
  });
  if (matchesLabelSelector(spec.selector, expected)) return errors;
  return [...errors, invalid("spec.selector", spec.selector, "`selector` not auto-generated")];
}

function checkSpec(spec: JobSpec): FieldError[] {
  const errors = NUMBERS.flatMap((name) => notNegative(`spec.${name}`, spec[name]));
  errors.push(...checkMode(spec));
  const { podReplacementPolicy: policy } = spec;
  if (policy !== undefined && !REPLACEMENTS.includes(policy)) {
    errors.push(notSupported("spec.podReplacementPolicy", policy, REPLACEMENTS));
  }
  for (const name of NOT_SERVED) {
    if ((spec as unknown as Record<string, unknown>)[name] === undefined) continue;
    errors.push(forbidden(`spec.${name}`, "it is not heeded here; a Job without it is run"));
  }
  return [...errors, ...checkTemplate(spec.template), ...checkSelector(spec)];
}

function checkMode({ completionMode, completions, parallelism = 1 }: JobSpec): FieldError[] {
  if (completionMode === undefined) return [];
  if (!MODES.includes(completionMode)) return [notSupported("spec.completionMode", completionMode, MODES)];
  if (completionMode !== "Indexed") return [];
  const errors: FieldError[] = [];
  if (completions === undefined) {
    errors.push(required("spec.completions", "when completion mode is Indexed"));
  }
  if (parallelism > MAX_INDEXED) {
    const detail = `must be less than or equal to ${MAX_INDEXED} when completion mode is Indexed`;
    errors.push(invalid("spec.parallelism", parallelism, detail));
  }
  return errors;
}

function checkTemplate(template: PodTemplateSpec): FieldError[] {
  const field = "spec.template";
  const errors = [
    ...validateMetadataOfTemplate(field, template),
    ...validatePodSpec(`${field}.spec`, template.spec),
  ];
  const { restartPolicy } = template.spec;
  if (restartPolicy === undefined || restartPolicy === "Always") {
    errors.push(required(`${field}.spec.restartPolicy`, 'valid values: "OnFailure", "Never"'));
  } else if (!RESTART_POLICIES.includes(restartPolicy)) {
    errors.push(notSupported(`${field}.spec.restartPolicy`, restartPolicy, RESTART_POLICIES));
  }
  return errors;
}

function checkSelector({ selector, template }: JobSpec): FieldError[] {
  const labels = template.metadata?.labels;
  const errors =
    selector === undefined ? [required("spec.selector")] : validateLabelSelector("spec.selector", selector);
  // no selector selects nothing
  if (selector !== undefined && matchesLabelSelector(selector, labels ?? {})) return errors;
  const detail = "`selector` does not match template `labels`";
  return [...errors, invalid("spec.template.metadata.labels", labels, detail)];
}

/** The pods of an Indexed Job have host names of its name and their index. */
function checkIndexedName({ metadata: { name }, spec }: Job): FieldError[] {
  const { completionMode, completions = 0 } = spec;
  if (completionMode !== "Indexed" || completions === 0) return [];
  return dnsLabelProblems(`${name}-${completions - 1}`).map((problem) =>
    invalid("metadata.name", name, `will not able to create pod with invalid DNS label: ${problem}`),
  );
}

/** Checks what a controller says of a Job. */
export function validateJobStatus({ status = {} }: Job): FieldError[] {
  const counts = ["active", "succeeded", "failed", "ready", "terminating"] as const;
  return counts.flatMap((name) => notNegative(`status.${name}`, status[name]));
}

/** A Job whose name is no DNS label gives its pods names that are none either. */
export function jobWarnings({ metadata: { name } }: Job): string[] {
  const problems = dnsLabelProblems(name);
  if (problems.length === 0) return [];
  const advice = "which can result in surprising behavior; a DNS label is recommended";
  return [`metadata.name: this is used in Pod names and hostnames, ${advice}: [${problems.join(" ")}]`];
}
