import type { Job } from "../../objects/job/types.ts";
import type { Pod } from "../../objects/types.ts";
import { isPodReady, isPodTerminal } from "../runtime/pods.ts";
import { endOf, indexOf, isIndexed, podOfJob } from "./pods.ts";
import type { Tally } from "./tracking.ts";

/** Pods that one sync creates at most. */
const BURST = 500;
/** Milliseconds before the pod after a failed one; doubled for each further failure in a row, up to the most. */
const FIRST_PAUSE = 10_000;
const MAX_PAUSE = 600_000;

/** The pods that a running Job lacks or has too many of. */
export interface JobReplicas {
  readonly create: readonly Omit<Pod, "apiVersion" | "kind">[];
  readonly remove: readonly Pod[];
  /** Milliseconds until failed pods are replaced. */
  readonly wait?: number;
}

/** As manageJob of pkg/controller/job: as many pods at once as wanted, and no more than are still to end well. */
export function jobReplicas(job: Job, pods: readonly Pod[], tally: Tally, now: number): JobReplicas {
  const leaving = pods.filter((pod) => pod.metadata.deletionTimestamp !== undefined && !isPodTerminal(pod));
  const active = pods.filter((pod) => pod.metadata.deletionTimestamp === undefined && !isPodTerminal(pod));
  if (job.spec.suspend === true) return { create: [], remove: active };
  const wanted = wantedPods(job, active.length, tally.succeeded);
  const doubles = isIndexed(job) ? superfluous(job, active, tally.indexes) : [];
  const rest = active.filter((pod) => !doubles.includes(pod));
  const surplus = [...rest].sort(leastUseful).slice(0, Math.max(0, rest.length - wanted));
  const remove = [...doubles, ...surplus];
  const inPlace = job.spec.podReplacementPolicy === "Failed" ? leaving : [];
  const missing = Math.min(wanted - rest.length - inPlace.length, BURST);
  if (missing <= 0) return { create: [], remove };
  const wait = pauseAfterFailures(pods, now);
  if (wait > 0) return { create: [], remove, wait };
  if (!isIndexed(job))
    return { create: Array.from({ length: missing }, () => podOfJob(job, undefined)), remove };
  const taken = new Set([...rest, ...inPlace].map(indexOf));
  const create: Omit<Pod, "apiVersion" | "kind">[] = [];
  for (let index = 0; index < (job.spec.completions ?? 0) && create.length < missing; index++) {
    if (!taken.has(index) && !tally.indexes.has(index)) create.push(podOfJob(job, index));
  }
  return { create, remove };
}

/** Without a number of completions, the first pod that ends well says that there is no more to do. */
function wantedPods({ spec }: Job, active: number, succeeded: number): number {
  const { completions, parallelism = 1 } = spec;
  if (completions === undefined) return succeeded > 0 ? Math.min(active, parallelism) : parallelism;
  return Math.max(0, Math.min(parallelism, completions - succeeded));
}

/** Pods without an index that counts, and all but the first of an index. */
function superfluous(job: Job, active: readonly Pod[], done: ReadonlySet<number>): Pod[] {
  const seen = new Set<number>();
  return active.filter((pod) => {
    const index = indexOf(pod);
    if (index === undefined || index >= (job.spec.completions ?? 0) || done.has(index)) return true;
    if (seen.has(index)) return true;
    seen.add(index);
    return false;
  });
}

/** Those go first that have not come far: without a node, not running, not ready, young. */
function leastUseful(a: Pod, b: Pod): number {
  const keys = ({ spec, status, metadata }: Pod, pod: Pod): (number | string)[] => [
    spec.nodeName ? 1 : 0,
    status?.phase === "Running" ? 1 : 0,
    isPodReady(pod) ? 1 : 0,
    -Date.parse(metadata.creationTimestamp ?? "") || 0,
  ];
  const [left, right] = [keys(a, a), keys(b, b)];
  const at = left.findIndex((key, index) => key !== right[index]);
  return at < 0 ? 0 : Number(left[at]) - Number(right[at]);
}

function pauseAfterFailures(pods: readonly Pod[], now: number): number {
  const ended = pods.filter(isPodTerminal).sort((a, b) => endOf(b) - endOf(a));
  const success = ended.findIndex(({ status }) => status?.phase === "Succeeded");
  const failures = success < 0 ? ended.length : success;
  const [latest] = ended;
  if (failures === 0 || latest === undefined) return 0;
  return endOf(latest) + Math.min(FIRST_PAUSE * 2 ** (failures - 1), MAX_PAUSE) - now;
}
