import { formatLabelSelector } from "../selectors/label-selector.ts";
import type { DaemonSet, Deployment, PodTemplateSpec, ReplicaSet } from "../types.ts";
import { ABOUT } from "./about.ts";
import { AGE, ageOf, column, formatLabels, type Layout, NAME, wide } from "./table.ts";

/** The names of a template's containers, with `-o wide`. */
export const CONTAINERS = wide("Containers", "Names of each container in the template.");
/** Their images, with `-o wide`. */
export const IMAGES = wide("Images", "Images referenced by each container in the template.");

/** The cells of {@link CONTAINERS} and {@link IMAGES}. */
export function containersAndImages({ spec }: PodTemplateSpec): [string, string] {
  const containers = spec.containers ?? [];
  return [
    containers.map((container) => container.name).join(","),
    containers.map((container) => container.image ?? "").join(","),
  ];
}

/** Rows of Deployments. */
export const DEPLOYMENTS: Layout<Deployment> = {
  columns: [
    NAME,
    column("Ready", ABOUT.readyPods),
    column(
      "Up-to-date",
      "Total number of non-terminating pods targeted by this deployment that have the desired template spec.",
    ),
    column(
      "Available",
      "Total number of available non-terminating pods (ready for at least minReadySeconds) targeted by this deployment.",
    ),
    AGE,
    CONTAINERS,
    IMAGES,
    wide(
      "Selector",
      "Label selector for pods. Existing ReplicaSets whose pods are selected by this will be the ones affected by this " +
        "deployment.",
    ),
  ],
  cells: (deployment, now) => {
    const { spec, status = {} } = deployment;
    return [
      deployment.metadata.name,
      `${status.readyReplicas ?? 0}/${spec.replicas ?? 0}`,
      status.updatedReplicas ?? 0,
      status.availableReplicas ?? 0,
      ageOf(deployment, now),
      ...containersAndImages(spec.template),
      formatLabelSelector(spec.selector),
    ];
  },
};

/** Rows of ReplicaSets. */
export const REPLICA_SETS: Layout<ReplicaSet> = {
  columns: [
    NAME,
    column("Desired", ABOUT.desiredReplicas, "integer"),
    column("Current", ABOUT.currentReplicas, "integer"),
    column("Ready", ABOUT.readyReplicas, "integer"),
    AGE,
    CONTAINERS,
    IMAGES,
    wide("Selector", ABOUT.replicaSelector),
  ],
  cells: (set, now) => [
    set.metadata.name,
    set.spec.replicas ?? 0,
    set.status?.replicas ?? 0,
    set.status?.readyReplicas ?? 0,
    ageOf(set, now),
    ...containersAndImages(set.spec.template),
    formatLabelSelector(set.spec.selector),
  ],
};

/** Rows of DaemonSets. */
export const DAEMON_SETS: Layout<DaemonSet> = {
  columns: [
    NAME,
    column("Desired", ABOUT.desiredDaemons, "integer"),
    column("Current", ABOUT.currentDaemons, "integer"),
    column("Ready", ABOUT.readyDaemons, "integer"),
    column("Up-to-date", ABOUT.updatedDaemons, "integer"),
    column("Available", ABOUT.availableDaemons, "integer"),
    column("Node Selector", ABOUT.nodeSelector),
    AGE,
    CONTAINERS,
    IMAGES,
    wide("Selector", ABOUT.daemonSelector),
  ],
  cells: (set, now) => [
    set.metadata.name,
    set.status?.desiredNumberScheduled ?? 0,
    set.status?.currentNumberScheduled ?? 0,
    set.status?.numberReady ?? 0,
    set.status?.updatedNumberScheduled ?? 0,
    set.status?.numberAvailable ?? 0,
    formatLabels(set.spec.template.spec.nodeSelector),
    ageOf(set, now),
    ...containersAndImages(set.spec.template),
    formatLabelSelector(set.spec.selector),
  ],
};
