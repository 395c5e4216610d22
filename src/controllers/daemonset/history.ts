import { KINDS } from "../../objects/kinds.ts";
import type { ControllerRevision } from "../../objects/statefulset/types.ts";
import type { DaemonSet, Pod } from "../../objects/types.ts";
import { sameValue } from "../runtime/equal.ts";
import { byRevision, newRevision, revisionData } from "../runtime/history.ts";

/** Tells pods of the present template from older ones; revisions have it, too. */
export const REVISION_LABEL = "controller-revision-hash";

/** The templates that a DaemonSet has had. */
export interface DaemonHistory {
  /** Of the present template. */
  readonly current: ControllerRevision;
  /** How it differs from what is stored. */
  readonly write?: "create" | "renumber";
  /** What pods of it have in their label. */
  readonly hash: string;
  readonly collisionCount: number;
  /** The others, the oldest first. */
  readonly old: readonly ControllerRevision[];
}

/**
 * The revisions of a DaemonSet (pkg/controller/daemon, constructHistory): a template that it had before is that revision
 * again, with a new number.
 * @param owned its revisions
 * @param all those of its namespace, among which the name of a new one must be free
 */
export function historyOf(
  set: DaemonSet,
  owned: readonly ControllerRevision[],
  all: readonly ControllerRevision[],
): DaemonHistory {
  const data = revisionData(set);
  const sorted = byRevision(owned);
  const equal = sorted.findLast((revision) => sameValue(revision.data, data));
  const old = sorted.filter((revision) => revision !== equal);
  const number = (old.at(-1)?.revision ?? 0) + 1;
  const before = set.status?.collisionCount ?? 0;
  if (equal === undefined) {
    const { revision, collisions } = newRevision([KINDS.DaemonSet, set], REVISION_LABEL, number, all);
    return { current: revision, write: "create", hash: hashOf(revision), collisionCount: collisions, old };
  }
  const common = { hash: hashOf(equal), collisionCount: before, old };
  if (equal.revision >= number) return { current: equal, ...common };
  return { current: { ...equal, revision: number }, write: "renumber", ...common };
}

function hashOf({ metadata }: ControllerRevision): string {
  return metadata.labels?.[REVISION_LABEL] ?? metadata.name.slice(metadata.name.lastIndexOf("-") + 1);
}

/** The revisions beyond the history, the oldest first; those that pods are made from stay (cleanupHistory). */
export function beyondHistory(
  set: DaemonSet,
  { old }: DaemonHistory,
  pods: readonly Pod[],
): ControllerRevision[] {
  const live = new Set(pods.map(({ metadata }) => metadata.labels?.[REVISION_LABEL]));
  const surplus = Math.max(0, old.length - (set.spec.revisionHistoryLimit ?? 10));
  return old.filter((revision) => !live.has(hashOf(revision))).slice(0, surplus);
}
