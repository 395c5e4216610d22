/** The templates that an owner of pods has had (pkg/controller/history). */
import type { Kind } from "../../objects/kinds.ts";
import type { ControllerRevision } from "../../objects/statefulset/types.ts";
import type { KubeObject, PodTemplateSpec } from "../../objects/types.ts";
import { controllerReference } from "./owners.ts";
import { templateHash } from "./pod-template.ts";

/** An owner of pods whose templates are kept. */
export interface RevisedOwner extends KubeObject {
  spec: { template: PodTemplateSpec };
  status?: { collisionCount?: number };
}

/** By number, then by creation and name (SortControllerRevisions). */
export function byRevision(revisions: readonly ControllerRevision[]): ControllerRevision[] {
  const key = ({ metadata }: ControllerRevision): string =>
    `${metadata.creationTimestamp ?? ""} ${metadata.name}`;
  return [...revisions].sort((a, b) => a.revision - b.revision || (key(a) < key(b) ? -1 : 1));
}

/** The present template as a strategic merge patch, which `kubectl rollout undo` sends as it is. */
export function revisionData({ spec }: RevisedOwner): NonNullable<ControllerRevision["data"]> {
  return { spec: { template: { ...spec.template, $patch: "replace" } } };
}

/**
 * A revision of the present template, with the owner's annotations, among them its change cause.
 * @param label carries the hash beside the template's labels
 * @param number counts up from 1
 * @param all those of its namespace, among which its name must be free
 */
export function newRevision(
  [kind, owner]: readonly [Kind, RevisedOwner],
  label: string,
  number: number,
  all: readonly ControllerRevision[],
): { revision: ControllerRevision; collisions: number } {
  const { name, namespace, annotations } = owner.metadata;
  const names = new Set(all.map(({ metadata }) => metadata.name));
  const { template } = owner.spec;
  let collisions = owner.status?.collisionCount ?? 0;
  let hash = templateHash(template, collisions);
  while (names.has(`${name}-${hash}`)) hash = templateHash(template, ++collisions);
  const metadata = {
    name: `${name}-${hash}`,
    ...(namespace === undefined ? {} : { namespace }),
    labels: { ...template.metadata?.labels, [label]: hash },
    ...(annotations === undefined ? {} : { annotations }),
    ownerReferences: [controllerReference(kind, owner)],
  };
  const revision = { apiVersion: "apps/v1", kind: "ControllerRevision", metadata } as const;
  return { revision: { ...revision, data: revisionData(owner), revision: number }, collisions };
}
