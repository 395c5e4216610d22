import type { Job, JobStatus } from "../../objects/job/types.ts";
import type { Pod } from "../../objects/types.ts";
import { formatIndexes, parseIndexes } from "./indexes.ts";
import { hasFailed, indexOf, isIndexed, isTracked } from "./pods.ts";

/** How many pods of a Job have ended, and which are to be let go now that this is known. */
export interface Tally {
  /** With those that are about to be counted. */
  readonly succeeded: number;
  readonly failed: number;
  /** Of an Indexed Job: the indexes that have ended well. */
  readonly indexes: ReadonlySet<number>;
  /** Pods that the status knows, or has no need to know; they need no finalizer any longer. */
  readonly release: readonly Pod[];
  /** What of the status follows. */
  readonly counts: Pick<JobStatus, "succeeded" | "failed" | "completedIndexes" | "uncountedTerminatedPods">;
}

/**
 * Counts each pod that ended once, whatever happens to pods and controllers (KEP-2307): a pod is named in the status
 * first, then loses its finalizer, and is then counted and named no longer. An index can only be reached once, so that
 * pods that reach one need no naming.
 * @param isOver the Job has failed: what has not ended counts as failed
 */
export function countPods(job: Job, pods: readonly Pod[], isOver: boolean): Tally {
  const { status = {} } = job;
  const tracked = new Map(pods.filter(isTracked).map((pod) => [pod.metadata.uid ?? "", pod]));
  const named = status.uncountedTerminatedPods ?? {};
  const limit = job.spec.completions ?? Number.MAX_SAFE_INTEGER;
  const indexed = isIndexed(job);
  const indexes = parseIndexes(status.completedIndexes, limit);
  const won = stillTracked(named.succeeded, tracked);
  const lost = stillTracked(named.failed, tracked);
  let succeeded = (status.succeeded ?? 0) + (named.succeeded ?? []).length - won.length;
  const failed = (status.failed ?? 0) + (named.failed ?? []).length - lost.length;
  const release: Pod[] = [];
  for (const [uid, pod] of tracked) {
    const index = indexOf(pod);
    const isNamed = won.includes(uid) || lost.includes(uid);
    const hasWon = pod.status?.phase === "Succeeded" && !lost.includes(uid);
    if (!isNamed && !hasWon && !hasFailed(job, pod) && !isOver) continue;
    release.push(pod);
    const isOutside = indexed && (index === undefined || index >= limit);
    if (isNamed || isOutside) continue;
    if (!hasWon) lost.push(uid);
    else if (indexed) indexes.add(index as number);
    else won.push(uid);
  }
  if (indexed) succeeded = indexes.size;
  const counts = {
    succeeded,
    failed,
    ...(indexed ? { completedIndexes: formatIndexes(indexes) } : {}),
    uncountedTerminatedPods: {
      ...(won.length > 0 ? { succeeded: won } : {}),
      ...(lost.length > 0 ? { failed: lost } : {}),
    },
  };
  return { succeeded: succeeded + won.length, failed: failed + lost.length, indexes, release, counts };
}

function stillTracked(uids: readonly string[] = [], tracked: ReadonlyMap<string, Pod>): string[] {
  return uids.filter((uid) => tracked.has(uid));
}
