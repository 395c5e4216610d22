import type { ControllerRevision, StatefulSet } from "../statefulset/types.ts";
import { ABOUT } from "./about.ts";
import { AGE, ageOf, column, type Layout, NAME, NONE } from "./table.ts";
import { CONTAINERS, containersAndImages, IMAGES } from "./workloads.ts";

/** Rows of StatefulSets. */
export const STATEFUL_SETS: Layout<StatefulSet> = {
  columns: [NAME, column("Ready", ABOUT.readyPods), AGE, CONTAINERS, IMAGES],
  cells: (set, now) => [
    set.metadata.name,
    `${set.status?.readyReplicas ?? 0}/${set.spec.replicas ?? 0}`,
    ageOf(set, now),
    ...containersAndImages(set.spec.template),
  ],
};

/** Rows of ControllerRevisions. */
export const CONTROLLER_REVISIONS: Layout<ControllerRevision> = {
  columns: [NAME, column("Controller", "Controller of the object"), column("Revision", ABOUT.revision), AGE],
  cells: (revision, now) => [
    revision.metadata.name,
    controllerOf(revision),
    revision.revision,
    ageOf(revision, now),
  ],
};

/** `statefulset.apps/web` */
function controllerOf({ metadata }: ControllerRevision): string {
  const owner = metadata.ownerReferences?.find(({ controller }) => controller === true);
  if (owner === undefined) return NONE;
  const group = owner.apiVersion.split("/")[0] ?? "";
  return `${owner.kind.toLowerCase()}${owner.apiVersion.includes("/") ? `.${group}` : ""}/${owner.name}`;
}
