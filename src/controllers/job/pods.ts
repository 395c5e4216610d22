import type { Job } from "../../objects/job/types.ts";
import { KINDS } from "../../objects/kinds.ts";
import type { Container, EnvVar, Pod } from "../../objects/types.ts";
import { podFromTemplate } from "../runtime/pod-template.ts";
import { isPodTerminal } from "../runtime/pods.ts";

/** Holds a pod until its end is counted (KEP-2307). */
export const TRACKING = "batch.kubernetes.io/job-tracking";
const INDEX = "batch.kubernetes.io/job-completion-index";
const INDEX_VARIABLE = "JOB_COMPLETION_INDEX";

/** Whether each pod of a Job has a number of its own. */
export function isIndexed({ spec }: Job): boolean {
  return spec.completionMode === "Indexed";
}

/** The index of a pod; undefined where it has none. */
export function indexOf({ metadata }: Pod): number | undefined {
  const text = metadata.annotations?.[INDEX] ?? "";
  return /^\d+$/.test(text) ? Number(text) : undefined;
}

/** Whether a pod's end is yet to be counted. */
export function isTracked({ metadata }: Pod): boolean {
  return metadata.finalizers?.includes(TRACKING) ?? false;
}

/** The merge patch that lets a pod go. */
export function untrackPatch({ metadata }: Pod): unknown {
  const finalizers = (metadata.finalizers ?? []).filter((name) => name !== TRACKING);
  return { metadata: { uid: metadata.uid, finalizers: finalizers.length > 0 ? finalizers : null } };
}

/** Whether a pod counts as one that failed: where a leaving one is replaced at once, it counts as soon as it leaves. */
export function hasFailed({ spec }: Job, pod: Pod): boolean {
  if (pod.status?.phase === "Failed") return true;
  const leaving = pod.metadata.deletionTimestamp !== undefined && pod.status?.phase !== "Succeeded";
  return leaving && spec.podReplacementPolicy !== "Failed";
}

/** When a pod ended, in milliseconds: when the last of its containers did; 0 while it has not. */
export function endOf(pod: Pod): number {
  if (!isPodTerminal(pod)) return 0;
  const ends = (pod.status?.containerStatuses ?? []).map(({ state }) =>
    Date.parse(state?.terminated?.finishedAt ?? ""),
  );
  const conditions = (pod.status?.conditions ?? []).filter(({ type }) => type === "Ready");
  const told = conditions.map(({ lastTransitionTime }) => Date.parse(lastTransitionTime ?? ""));
  const known = (ends.length > 0 ? ends : told).filter((time) => !Number.isNaN(time));
  return Math.max(0, ...known);
}

/** A pod of a Job; one of an Indexed Job knows its index by an annotation, a label, a variable and its host name. */
export function podOfJob(job: Job, index: number | undefined): Omit<Pod, "apiVersion" | "kind"> {
  const pod = podFromTemplate(KINDS.Job, job, job.spec.template);
  const { metadata, spec } = pod;
  metadata.finalizers = [...(metadata.finalizers ?? []), TRACKING];
  if (index === undefined) return pod;
  const host = `${job.metadata.name}-${index}`;
  metadata.generateName = `${host}-`;
  metadata.labels = { ...metadata.labels, [INDEX]: String(index) };
  metadata.annotations = { ...metadata.annotations, [INDEX]: String(index) };
  const withIndex = (container: Container): Container => ({ ...container, env: withVariable(container.env) });
  return {
    metadata,
    spec: {
      ...spec,
      hostname: host,
      containers: spec.containers.map(withIndex),
      ...(spec.initContainers === undefined ? {} : { initContainers: spec.initContainers.map(withIndex) }),
    },
  };
}

function withVariable(env: readonly EnvVar[] = []): EnvVar[] {
  if (env.some(({ name }) => name === INDEX_VARIABLE)) return [...env];
  const valueFrom = { fieldRef: { fieldPath: `metadata.labels['${INDEX}']` } };
  return [...env, { name: INDEX_VARIABLE, valueFrom }];
}
