import { KINDS } from "../../objects/kinds.ts";
import type { ControllerRevision, StatefulSet } from "../../objects/statefulset/types.ts";
import type { Pod, PodTemplateSpec } from "../../objects/types.ts";
import { sameValue } from "../runtime/equal.ts";
import { byRevision, newRevision, revisionData } from "../runtime/history.ts";
import { revisionOf } from "./identity.ts";

// The templates that a StatefulSet has had (pkg/controller/history).

const HASH_LABEL = "controller.kubernetes.io/hash";

/** The revisions of a StatefulSet that its pods are made from. */
export interface Revisions {
  /** Of the pods that are not to be updated (yet). */
  readonly current: ControllerRevision;
  /** Of the present template. */
  readonly update: ControllerRevision;
  /** How `update` differs from what is stored. */
  readonly write?: "create" | "renumber";
  readonly collisionCount: number;
}

/** The template that a revision keeps. */
export function templateOf({ data }: ControllerRevision): PodTemplateSpec {
  const { $patch: _, ...template } = data?.spec?.template ?? { spec: { containers: [] } };
  return template;
}

/**
 * The revisions that a StatefulSet is at (getStatefulSetRevisions): a template that it had before is that revision again,
 * with a new number.
 * @param owned its revisions
 * @param all those of its namespace, among which the name of a new one must be free
 */
export function revisionsOf(
  set: StatefulSet,
  owned: readonly ControllerRevision[],
  all: readonly ControllerRevision[],
): Revisions {
  const sorted = byRevision(owned);
  const newest = sorted.at(-1);
  const data = revisionData(set);
  const equal = sorted.findLast((revision) => sameValue(revision.data, data));
  const number = (newest?.revision ?? 0) + 1;
  const collisions = set.status?.collisionCount ?? 0;
  const made =
    equal === undefined ? newRevision([KINDS.StatefulSet, set], HASH_LABEL, number, all) : undefined;
  const renumbered = equal === newest ? equal : equal && { ...equal, revision: number };
  const update = made?.revision ?? (renumbered as ControllerRevision);
  const current = owned.find(({ metadata }) => metadata.name === set.status?.currentRevision) ?? update;
  const write = made !== undefined ? "create" : equal !== newest ? "renumber" : undefined;
  const collisionCount = made?.collisions ?? collisions;
  return { current, update, collisionCount, ...(write === undefined ? {} : { write }) };
}

/** The revisions beyond the history, the oldest first; those that pods are made from stay (truncateHistory). */
export function beyondHistory(
  set: StatefulSet,
  owned: readonly ControllerRevision[],
  { current, update }: Revisions,
  pods: readonly Pod[],
): ControllerRevision[] {
  const live = new Set([current.metadata.name, update.metadata.name, ...pods.map(revisionOf)]);
  const history = byRevision(owned).filter(({ metadata }) => !live.has(metadata.name));
  return history.slice(0, Math.max(0, history.length - (set.spec.revisionHistoryLimit ?? 10)));
}
