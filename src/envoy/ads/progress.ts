import { isClusterReady } from "./readiness.ts";
import { findInFlight, type View } from "./view.ts";

/**
 * The oldest revision of the table that is not wholly with the client, infinity where nothing is missing. What is
 * merely to be removed does not count: it waits for what still uses it, and harms nobody.
 */
export function oldestMissing(view: View, now: number): number {
  let oldest = Number.POSITIVE_INFINITY;
  for (const kind of Object.values(view.kinds)) {
    if (kind.answerOwed) oldest = 0;
    for (const { items } of kind.inFlight) {
      for (const [name, { revision }] of items) {
        if (revision >= oldest || (kind.kind === "cluster" && isWarm(view, name, now))) continue;
        oldest = revision;
      }
    }
    for (const [name, { revision }] of kind.pending) {
      if (revision < oldest && view.table.has(kind.kind, name)) oldest = revision;
    }
  }
  return oldest;
}

/** Whether a cluster serves although Envoy still keeps its answer back. One being taken back is about to be refused. */
function isWarm(view: View, name: string, now: number): boolean {
  const heals = findInFlight(view.kinds.cluster, name)?.items.get(name)?.heals === true;
  return !heals && isClusterReady(view, name, now);
}
