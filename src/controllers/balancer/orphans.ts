import type { BalancerProvider, Orphan } from "../../traffic/balancer/provider.ts";

/** What a sweep found and did. */
export interface SweepResult {
  readonly orphans: readonly Orphan[];
  /** Those that were old enough to be deleted; with why one is still there. */
  readonly deleted: readonly { readonly orphan: Orphan; readonly error: string | undefined }[];
}

/** Whether something was made so long ago; what has no time of its own counts as new. */
export function isOlderThan({ created }: Orphan, milliseconds: number, now: Date): boolean {
  if (milliseconds <= 0) return true;
  const time = created === undefined ? Number.NaN : Date.parse(created);
  return now.getTime() - time >= milliseconds;
}

/**
 * Finds what belongs to this cluster and to none of the live Services, and deletes what is old enough; undefined
 * deletes nothing.
 */
export async function sweepOrphans(
  provider: BalancerProvider,
  live: ReadonlyMap<string, string>,
  deletion: { readonly olderThanMs: number; readonly now: Date } | undefined,
  signal: AbortSignal,
): Promise<SweepResult> {
  const orphans = await provider.orphans(live, signal);
  const old =
    deletion === undefined
      ? []
      : orphans.filter((orphan) => isOlderThan(orphan, deletion.olderThanMs, deletion.now));
  return { orphans, deleted: old.length > 0 ? await provider.deleteOrphans(old, signal) : [] };
}
