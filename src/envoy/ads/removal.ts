import { tableOfHost } from "../resources.ts";
import { partInUse } from "./filter-parts.ts";
import { findInUse, HOLD_MS, type InUse } from "./readiness.ts";
import { type KindView, type Pending, type View, versionAtClient } from "./view.ts";
import { tableState } from "./virtual-hosts.ts";

/** One look at a stream. */
export interface Round {
  readonly view: View;
  readonly now: number;
  /** When to look again though nothing happened, Unix milliseconds; infinity: never. */
  wakeAt: number;
  /** Found when it is first needed. */
  inUse: InUse | undefined;
}

/** Has the stream looked at again at a time, or before. */
export function wakeAt(round: Round, at: number): void {
  round.wakeAt = Math.min(round.wakeAt, at);
}

/** Make before break: a thing goes after all that named it has been replaced, and the replacement was acknowledged. */
export function mayRemove(round: Round, kind: KindView, name: string, pending: Pending): boolean {
  const { view, now } = round;
  switch (kind.kind) {
    case "cluster": {
      const { clusters } = inUseOf(round);
      if (clusters === undefined) wakeAt(round, afterSilence(view, now));
      return clusters !== undefined && !clusters.has(name);
    }
    case "endpoint":
      return view.table.has("cluster", name) || versionAtClient(view.kinds.cluster, name) === undefined;
    case "listener":
      // Its successor may be the one that waits. Both go in one response: Envoy removes first, then adds.
      return kind.held.size === 0;
    case "route":
    case "secret": {
      const { referred } = inUseOf(round);
      return referred !== undefined && !referred.has(name);
    }
    case "filter":
      return mayRemoveFilter(round, name, pending);
    case "virtualHost":
      return mayRemoveHost(round, kind, name, pending);
  }
}

function inUseOf(round: Round): InUse {
  round.inUse ??= findInUse(round.view, round.now);
  return round.inUse;
}

function afterSilence(view: View, now: number): number {
  const end = view.openedAt + HOLD_MS;
  return end > now ? end : Number.POSITIVE_INFINITY;
}

/** What virtual hosts name of it is on its way out; only for so long is that waited for. */
function mayRemoveFilter(round: Round, name: string, { since }: Pending): boolean {
  const end = since + HOLD_MS;
  if (round.now >= end || partInUse(round.view, name, undefined) === undefined) return true;
  wakeAt(round, end);
  return false;
}

/**
 * Of a table that goes as a whole the hosts stay until the client has given it up: a listener that drains still uses
 * them. Else what waits for its clusters is to be there first (it may be what takes over the name), for as long as such
 * waits last.
 */
function mayRemoveHost(round: Round, kind: KindView, name: string, { since }: Pending): boolean {
  const table = tableOfHost(name);
  if (!round.view.table.has("route", table)) return tableState(round.view, name) === "unwanted";
  const end = since + HOLD_MS;
  const waits = round.now < end && [...kind.held].some((held) => tableOfHost(held) === table);
  if (waits) wakeAt(round, end);
  return !waits;
}
