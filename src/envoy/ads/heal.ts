import type { KindView, View } from "./view.ts";
import { entryOf, markPending } from "./view.ts";

/*
 * Envoy 1.40 leaves some clusters that it refuses (a ring hash with wrong sizes, say) among those that are warming. As
 * it answers nothing about clusters while any warms, it then never does again; after a reconnect it does not even ask
 * for them (envoyproxy/envoy#34334). So the client is told to go back to the earlier version, or to remove the cluster:
 * that takes the leftover away.
 */

/** After this time an unanswered cluster whose endpoints were never asked for counts as stuck. */
const STUCK_MS = 2_000;
/** The same for updates, and for clusters without endpoints of their own: they may be waiting for DNS. */
const STUCK_OTHER_MS = 5_000;

/**
 * Notes that a cluster which was refused has to be taken back; or a filter: Envoy 1.40 keeps the refused one, and then
 * refuses every new listener with it in its chain.
 */
export function healRefused(kind: KindView, name: string, now: number): void {
  if (kind.kind !== "filter" && (kind.kind !== "cluster" || !kind.wildcard)) return;
  entryOf(kind, name).heal = true;
  markPending(kind, name, Number.MAX_SAFE_INTEGER, now);
}

/**
 * Notes the clusters that keep the client from answering; then it answers, and names what it refused. Gives when to look
 * again.
 */
export function healStuck(view: View, now: number): number {
  const { cluster, endpoint } = view.kinds;
  let next = Number.POSITIVE_INFINITY;
  if (!cluster.wildcard) return next;
  for (const { sentAt, items } of cluster.inFlight) {
    for (const [name, { resource, heals }] of items) {
      if (resource === undefined || heals === true) continue;
      const entry = entryOf(cluster, name);
      if (entry.stuckVersion === resource.version) continue;
      const isNew = entry.inForce === undefined;
      // a new one whose endpoints were asked for was accepted, and warms; of what an unknown version was, none is left
      if (isNew ? endpoint.names.has(name) : entry.inForce?.resource === undefined) continue;
      const at = sentAt + (isNew && view.table.has("endpoint", name) ? STUCK_MS : STUCK_OTHER_MS);
      if (now < at) next = Math.min(next, at);
      else {
        entry.stuckVersion = resource.version;
        healRefused(cluster, name, now);
      }
    }
  }
  return next;
}
